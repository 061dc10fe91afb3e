namespace LayerSwap.Tests.Merging.Oracles;

/// <summary>Along the arc between two vectors.</summary>
internal static class Slerps
{
    /// <summary>The whole tensor as one vector. One of zeros has no direction: its cosine is 0.</summary>
    public static double[] Slerp(double[] x0, double[] x1, double t)
    {
        double cos = Math.Clamp(Vectors.Dot(Vectors.Unit(x0), Vectors.Unit(x1)), -1, 1);
        if (Math.Abs(cos) > 0.9995)
        {
            return Vectors.WeightedSum([x0, x1], [1 - t, t]);
        }

        double o = Math.Acos(cos);
        return Vectors.WeightedSum([x0, x1], [Math.Sin((1 - t) * o) / Math.Sin(o), Math.Sin(t * o) / Math.Sin(o)]);
    }

    /// <summary>Two sources; per vector along the first (rowWise) or the last axis unless flattened; with a base, of the changes, which are
    /// added to it.</summary>
    public static double[] NuSlerp(double[][] x, double[] weights, bool flatten, bool rowWise, long[] shape, double[]? x0 = null)
    {
        double sum = weights[0] + weights[1], t = Math.Abs(sum) < 1e-6 ? 0.5 : weights[1] / sum;
        double[][] v = x0 is null ? x : Vectors.Deltas(x0, x);
        int[][] lanes = flatten ? Vectors.Lanes([x[0].Length]) : Vectors.Lanes(shape, rowWise ? 0 : -1);
        double[] result = Vectors.PerLane(lanes, x[0].Length, v, lane => Arc(lane, t));
        return x0 is null ? result : Vectors.Plus(x0, result);
    }

    private static double[] Arc(double[][] v, double t)
    {
        double cos = Math.Clamp(Vectors.Dot(Vectors.Unit(v[0], 1e-7), Vectors.Unit(v[1], 1e-7)), -1, 1),
            o = Math.Acos(cos), sin = Math.Sin(o);
        return Math.Abs(sin) < 1e-8
            ? Vectors.WeightedSum(v, [1 - t, t])
            : Vectors.WeightedSum(v, [Math.Sin((1 - t) * o) / sin, Math.Sin(t * o) / sin]);
    }
}
