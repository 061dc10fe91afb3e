namespace LayerSwap.Tests.Merging.Oracles;

/// <summary>Means of several vectors on the sphere.</summary>
internal static class Spheres
{
    /// <summary>One step from the weighted mean direction; with a base, of the changes, which are added to it.</summary>
    public static double[] MultiSlerp(double[][] x, double[] weights, bool normalizeWeights = true, double eps = 1e-8, double[]? x0 = null)
    {
        double[][] v = x0 is null ? x : Vectors.Deltas(x0, x);
        double[] w = normalizeWeights ? Vectors.Times(weights, 1 / weights.Sum()) : weights;
        double[] result = MultiSlerp(v, w, eps);
        return x0 is null ? result : Vectors.Plus(x0, result);
    }

    /// <summary>Starts at the normalised sum and follows the mean tangent until it vanishes. A base, if any, is one of the
    /// sources.</summary>
    public static double[] Karcher(double[][] x, int maxIter = 10, double tol = 1e-5)
    {
        double[] norms = [.. x.Select(Vectors.Norm)];
        double[][] units = [.. x.Where((_, i) => norms[i] > tol).Select(s => Vectors.Unit(s))];
        if (units.Length == 0)
        {
            // Nothing has a direction. The rule says nothing; the established tool gives zeros.
            return new double[x[0].Length];
        }

        double a = 1.0 / units.Length;
        double[] u = Vectors.WeightedSum(units, [.. units.Select(_ => a)]);
        // Sources that cancel out have no mean direction: the first is as good as any other start.
        u = Vectors.Norm(u) < tol ? units[0] : Vectors.Unit(u);
        for (int iteration = 0; iteration < maxIter; iteration++)
        {
            double[] tangent = new double[u.Length];
            foreach (double[] unit in units)
            {
                double cos = Math.Clamp(Vectors.Dot(u, unit), -1, 1), o = Math.Acos(cos);
                if (o >= tol)
                {
                    tangent = Vectors.Plus(tangent, Vectors.Times(Vectors.Minus(unit, Vectors.Times(u, cos)), a * o / Math.Sin(o)));
                }
            }

            double length = Vectors.Norm(tangent);
            if (length < tol)
            {
                break;
            }

            u = Vectors.Unit(Along(u, tangent, length));
        }

        // Of all sources: those too small to have a direction count as nothing.
        return Vectors.Times(u, norms.Where(n => n > tol).Sum() / norms.Length);
    }

    private static double[] MultiSlerp(double[][] v, double[] w, double eps)
    {
        double[][] units = [.. v.Select(s => Vectors.Unit(s))];
        double[] mean = Vectors.WeightedSum(units, w);
        if (Vectors.Norm(mean) < eps)
        {
            return v.Length == 2 ? Vectors.WeightedSum(v, w) : throw new ArgumentException("The directions cancel out.", nameof(v));
        }

        double[] m = Vectors.Unit(mean);
        double[] tangent = Vectors.WeightedSum([.. units.Select(u => Vectors.Minus(u, Vectors.Times(m, Vectors.Dot(u, m))))], w);
        double[] r = Along(m, tangent, Vectors.Norm(tangent));
        return Vectors.Times(r, Vectors.Dot(w, [.. v.Select(Vectors.Norm)]));
    }

    /// <summary>From a point of the sphere along a tangent, as far as it is long.</summary>
    private static double[] Along(double[] u, double[] tangent, double length) =>
        Vectors.WeightedSum([u, tangent], [Math.Cos(length), length == 0 ? 1 : Math.Sin(length) / length]);
}
