namespace LayerSwap.Merging;

/// <summary>Interpolation and means on the sphere, as coefficients of the vectors of a Gram matrix.</summary>
internal static class Spherical
{
    /// <summary>
    /// Computes slerp (Shoemake, 1985) of unnormalised vectors by the angle between them; linear if they are nearly parallel.
    /// </summary>
    public static double[] Slerp(GramMatrix g, double t)
    {
        const double nearlyParallel = 0.9995, smallest = 1e-8;
        double norms = g.Norm(0) * g.Norm(1);
        double cos = g.Norm(0) > smallest && g.Norm(1) > smallest ? g[0, 1] / norms : 0;
        return Math.Abs(cos) > nearlyParallel ? [1 - t, t] : Arc(Math.Acos(Math.Clamp(cos, -1, 1)), t);
    }

    /// <summary>Computes nuslerp: slerp, but linear only where the sine of the angle vanishes.</summary>
    public static double[] NuSlerp(GramMatrix g, double t)
    {
        const double floor = 1e-7, vanishing = 1e-8;
        double cos = g[0, 1] / (Math.Max(g.Norm(0), floor) * Math.Max(g.Norm(1), floor));
        double angle = Math.Acos(Math.Clamp(cos, -1, 1));
        return Math.Abs(Math.Sin(angle)) < vanishing ? [1 - t, t] : Arc(angle, t);
    }

    /// <summary>Computes the weighted mean direction, one step along the tangents at it, times the weighted mean norm.</summary>
    public static double[] MultiSlerp(GramMatrix g, double[] weights, double eps)
    {
        int n = g.Count;
        double[][] unit = [.. Enumerable.Range(0, n).Select(i => Axis(n, i, g.Norm(i) > 0 ? 1 / g.Norm(i) : 0))];
        double[] mean = Sum(n, i => weights[i], unit);
        double length = g.Norm(mean);
        if (length < eps)
        {
            return n == 2 || unit.All(u => u.All(c => c == 0)) ? weights
                : throw new MergeException("multislerp: the weighted directions cancel each other, so they have no mean. "
                    + "Remedy: change the weights, or merge by linear.");
        }

        double[] m = Scale(mean, 1 / length);
        double[] tangent = Sum(n, i => weights[i], [.. unit.Select(u => Add(u, m, -g.Dot(u, m)))]);
        double norm = g.Norm(tangent);
        double[] result = norm < eps ? m : Add(Scale(m, Math.Cos(norm)), tangent, Math.Sin(norm) / norm);
        return Scale(result, Enumerable.Range(0, n).Sum(i => weights[i] * g.Norm(i)));
    }

    /// <summary>
    /// Computes the Karcher mean of the directions by gradient descent on the sphere (Karcher, 1977), times the mean norm.
    /// </summary>
    public static double[] Karcher(GramMatrix g, int maxIterations, double tolerance)
    {
        int n = g.Count;
        int[] kept = [.. Enumerable.Range(0, n).Where(i => g.Norm(i) > tolerance)];
        if (kept.Length == 0)
        {
            return new double[n];
        }

        double[][] unit = [.. kept.Select(i => Axis(n, i, 1 / g.Norm(i)))];
        double share = 1.0 / kept.Length;
        double[] u = Sum(n, _ => share, unit);
        double length = g.Norm(u);
        u = length < tolerance ? unit[0] : Scale(u, 1 / length);
        for (int iteration = 0; iteration < maxIterations; iteration++)
        {
            double[] tangent = new double[n];
            foreach (double[] direction in unit)
            {
                double cos = Math.Clamp(g.Dot(direction, u), -1, 1), angle = Math.Acos(cos);
                // An opposite direction has no unique tangent, so it is ignored.
                if (angle >= tolerance && Math.Sin(angle) > 1e-7)
                {
                    tangent = Add(tangent, Add(direction, u, -cos), share * angle / Math.Sin(angle));
                }
            }

            double norm = g.Norm(tangent);
            if (norm < tolerance)
            {
                break;
            }

            u = Add(Scale(u, Math.Cos(norm)), tangent, Math.Sin(norm) / norm);
            u = Scale(u, 1 / g.Norm(u));
        }

        // Vectors without a direction still count in the mean norm.
        return Scale(u, kept.Sum(i => g.Norm(i)) / n);
    }

    /// <summary>
    /// Computes the ratio of Model Stock (Jang et al., arXiv:2403.19522): t = N c / (1 + (N - 1) c), c the mean cosine between two deltas.
    /// </summary>
    public static double[] ModelStock(GramMatrix g)
    {
        const double floor = 1e-6, pole = 1e-6;
        int n = g.Count;
        double sum = 0;
        for (int a = 0; a < n; a++)
        {
            for (int b = a + 1; b < n; b++)
            {
                sum += Math.Clamp(g[a, b] / Math.Max(g.Norm(a) * g.Norm(b), floor), -1, 1);
            }
        }

        double c = sum / (n * (n - 1) / 2.0), divisor = 1 + ((n - 1) * c);
        // At c = -1 / (N - 1) the deltas cancel, and the base remains.
        double t = Math.Abs(divisor) < pole ? 0 : n * c / divisor;
        return [.. Enumerable.Repeat(t / n, n)];
    }

    private static double[] Arc(double angle, double t) =>
        [Math.Sin((1 - t) * angle) / Math.Sin(angle), Math.Sin(t * angle) / Math.Sin(angle)];

    private static double[] Axis(int count, int index, double value)
    {
        double[] axis = new double[count];
        axis[index] = value;
        return axis;
    }

    private static double[] Sum(int count, Func<int, double> weight, double[][] vectors)
    {
        double[] sum = new double[count];
        for (int i = 0; i < vectors.Length; i++)
        {
            sum = Add(sum, vectors[i], weight(i));
        }

        return sum;
    }

    private static double[] Add(double[] x, double[] y, double times) => [.. x.Zip(y, (a, b) => a + (times * b))];

    private static double[] Scale(double[] x, double by) => [.. x.Select(a => a * by)];
}
