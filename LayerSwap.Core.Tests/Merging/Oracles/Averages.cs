namespace LayerSwap.Tests.Merging.Oracles;

/// <summary>Element by element: linear, passthrough, nearswap, ExPO, and the two variants of layer-swapping.md.</summary>
internal static class Averages
{
    /// <summary>The sum of w_i x_i, divided by the sum of w_i if normalised.</summary>
    public static double[] Linear(double[][] x, double[] weights, bool normalize = true)
    {
        double[] sum = Vectors.WeightedSum(x, weights);
        double total = weights.Sum();
        return normalize ? [.. sum.Select(v => v / total)] : sum;
    }

    /// <summary>One source, its bytes unchanged at scale 1.</summary>
    public static double[] Passthrough(double[][] x, double scale = 1) => scale == 1 ? [.. x.Single()] : Vectors.Times(x.Single(), scale);

    /// <summary>w = clamp(t / max(abs(x_0 - x_1), 1e-6), 0, 1); w x_1 + (1 - w) x_0.</summary>
    public static double[] NearSwap(double[] x0, double[] x1, double t) => [.. x0.Zip(x1, (a, b) =>
    {
        double w = Math.Clamp(t / Math.Max(Math.Abs(a - b), 1e-6), 0, 1);
        return (w * b) + ((1 - w) * a);
    })];

    /// <summary>x_1 + alpha (x_1 - x_0).</summary>
    public static double[] ExPO(double[] x0, double[] x1, double alpha) => [.. x0.Zip(x1, (a, b) => b + (alpha * (b - a)))];

    /// <summary>Each one's share of the change: p = change / sum of changes, per layer or module. Equal where nothing changed.</summary>
    public static double[] Shares(double[] changes)
    {
        double sum = changes.Sum();
        return [.. changes.Select(c => sum == 0 ? 1.0 / changes.Length : c / sum)];
    }

    /// <summary>
    /// The expert with the larger share where the shares lie more than a threshold apart, else the weighted average. A share is one of all
    /// layers of its
    /// own expert (<see cref="Shares"/> over the layers), so that an expert that moved more everywhere does not win everywhere.
    /// </summary>
    public static double[] ShareSwap(double[] a, double[] b, double shareOfA,
        double shareOfB, double threshold, double weightOfA = 1, double weightOfB = 1) =>
        Math.Abs(shareOfA - shareOfB) > threshold ? [.. shareOfA > shareOfB ? a : b] : Linear([a, b], [weightOfA, weightOfB]);

    /// <summary>(1 - t) x_0 + t x_1 for tensors whose difference, however it is measured, is more than the threshold; the others stay
    /// x_0.</summary>
    public static double[] ThresholdInterpolation(double[] x0, double[] x1, double t, double difference, double threshold) =>
        difference > threshold ? Linear([x0, x1], [1 - t, t], normalize: false) : [.. x0];

    /// <summary>norm(x_1 - x_0) / norm(x_0): the relative L2 of layer-swapping.md, one measure of difference.</summary>
    public static double RelativeChange(double[] x0, double[] x1) => Vectors.Norm(Vectors.Minus(x1, x0)) / Vectors.Norm(x0);

    /// <summary>The scale of LiNeS at a layer: from alpha at the first to alpha + beta at the last. Outside the layers as the first, a
    /// single layer as the last, as schedules have it.</summary>
    public static double LinesScale(double alpha, double beta, int? layer, int layers) =>
        alpha + (beta * (layer is not { } l ? 0 : layers == 1 ? 1 : l / (double)(layers - 1)));
}
