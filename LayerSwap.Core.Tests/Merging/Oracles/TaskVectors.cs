namespace LayerSwap.Tests.Merging.Oracles;

/// <summary>How kept values are scaled.</summary>
internal enum Rescaling
{
    None,

    /// <summary>So that the tensor's L1 norm is what it was.</summary>
    L1,

    /// <summary>Divided by the density.</summary>
    Density,
}

/// <summary>
/// x_0 + lambda * consensus(w_i * sparsify(d_i)): sparsify, weight, consensus, normalise, lambda, add. Random methods take the elements
/// they keep;
/// <see cref="KeptSets"/> gives those of the others.
/// </summary>
internal static class TaskVectors
{
    public static double[] TaskArithmetic(double[] x0, double[][] x, double[] weights, bool normalize = false, double lambda = 1) =>
        Merge(x0, x, weights, signs: false, normalize: normalize, lambda: lambda);

    public static double[] Ties(
        double[] x0, double[][] x, double[] weights, double[] densities, bool normalize = true,
        Rescaling rescale = Rescaling.None, double lambda = 1, bool single = true) =>
        Merge(x0, x, weights, Kept(x0, x, (d, i) => KeptSets.Magnitude(d, densities[i], single)),
            densities, signs: true, normalize, rescale, lambda);

    public static double[] Breadcrumbs(
        double[] x0, double[][] x, double[] weights, double[] densities, double[] gammas,
        bool normalize = false, Rescaling rescale = Rescaling.None, double lambda = 1, bool single = true) =>
        Merge(x0, x, weights, Kept(x0, x, (d, i) => KeptSets.WithoutOutliers(d, densities[i], gammas[i], single)),
            densities, signs: false, normalize, rescale, lambda);

    public static double[] BreadcrumbsTies(
        double[] x0, double[][] x, double[] weights, double[] densities, double[] gammas,
        bool normalize = false, Rescaling rescale = Rescaling.None, double lambda = 1, bool single = true) =>
        Merge(x0, x, weights, Kept(x0, x, (d, i) => KeptSets.WithoutOutliers(d, densities[i], gammas[i], single)),
            densities, signs: true, normalize, rescale, lambda);

    public static double[] DareLinear(
        double[] x0, double[][] x, double[] weights, double[] densities, bool[][] kept,
        bool normalize = false, Rescaling rescale = Rescaling.L1, double lambda = 1) =>
        Merge(x0, x, weights, kept, densities, signs: false, normalize, rescale, lambda);

    public static double[] DareTies(
        double[] x0, double[][] x, double[] weights, double[] densities, bool[][] kept,
        bool normalize = false, Rescaling rescale = Rescaling.L1, double lambda = 1) =>
        Merge(x0, x, weights, kept, densities, signs: true, normalize, rescale, lambda);

    public static double[] DellaLinear(
        double[] x0, double[][] x, double[] weights, double[] densities, bool[][] kept,
        bool normalize = false, Rescaling rescale = Rescaling.L1, double lambda = 1) =>
        Merge(x0, x, weights, kept, densities, signs: false, normalize, rescale, lambda);

    public static double[] Della(
        double[] x0, double[][] x, double[] weights, double[] densities, bool[][] kept,
        bool normalize = true, Rescaling rescale = Rescaling.L1, double lambda = 1) =>
        Merge(x0, x, weights, kept, densities, signs: true, normalize, rescale, lambda);

    /// <summary>The engine. No kept sets: everything. Densities count for <see cref="Rescaling.Density"/> only.</summary>
    public static double[] Merge(
        double[] x0, double[][] x, double[] weights, bool[][]? kept = null, double[]? densities = null,
        bool signs = false, bool normalize = false, Rescaling rescale = Rescaling.None, double lambda = 1)
    {
        double[][] d = Vectors.Deltas(x0, x);
        double[][] sparse = [.. d.Select((v, i) => Rescale(v, kept?[i], rescale, densities?[i] ?? 1))];
        double[] result = new double[x0.Length];
        for (int e = 0; e < result.Length; e++)
        {
            double[] terms = [.. sparse.Select((v, i) => weights[i] * v[e])];
            result[e] = x0[e] + (lambda * Consensus(terms, weights, signs, normalize));
        }

        return result;
    }

    /// <summary>The sign that a sum of weighted changes has: 0 counts as +.</summary>
    public static int Majority(IEnumerable<double> terms) => terms.Sum() >= 0 ? 1 : -1;

    private static double Consensus(double[] terms, double[] weights, bool signs, bool normalize)
    {
        int majority = Majority(terms);
        double sum = 0, divisor = 0;
        for (int i = 0; i < terms.Length; i++)
        {
            if (!signs || Math.Sign(terms[i]) == majority)
            {
                sum += terms[i];
                divisor += weights[i];
            }
        }

        bool vanishing = signs ? divisor == 0 : Math.Abs(divisor) < 1e-8;
        return normalize && !vanishing ? sum / divisor : sum;
    }

    private static bool[][] Kept(double[] x0, double[][] x, Func<double[], int, bool[]> rule) => [.. Vectors.Deltas(x0, x).Select(rule)];

    private static double[] Rescale(double[] d, bool[]? kept, Rescaling rescale, double density)
    {
        if (kept is null)
        {
            return d;
        }

        double[] sparse = [.. d.Select((v, i) => kept[i] ? v : 0)];
        double before = d.Sum(Math.Abs), after = sparse.Sum(Math.Abs);
        double factor = rescale switch
        {
            Rescaling.L1 when after > 0 => before / after,
            Rescaling.Density when density is > 0 and < 1 => 1 / density,
            _ => 1,
        };
        return factor == 1 ? sparse : Vectors.Times(sparse, factor);
    }
}
