namespace LayerSwap.Tests.Merging.Oracles;

/// <summary>What the oracles share: plain loops over arrays in double, nothing of the library.</summary>
internal static class Vectors
{
    public static double Dot(double[] a, double[] b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    public static double Norm(double[] a) => Math.Sqrt(Dot(a, a));

    public static double[] Minus(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x - y)];

    public static double[] Plus(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    public static double[] Times(double[] a, double factor) => [.. a.Select(x => x * factor)];

    /// <summary>Divided by the norm, or by the floor where the norm is less. A vector of zeros stays one.</summary>
    public static double[] Unit(double[] a, double floor = 0)
    {
        double norm = Math.Max(Norm(a), floor);
        return norm == 0 ? [.. a] : [.. a.Select(x => x / norm)];
    }

    /// <summary>The sum of w_i x_i.</summary>
    public static double[] WeightedSum(double[][] x, double[] weights)
    {
        double[] sum = new double[x[0].Length];
        for (int i = 0; i < x.Length; i++)
        {
            for (int j = 0; j < sum.Length; j++)
            {
                sum[j] += weights[i] * x[i][j];
            }
        }

        return sum;
    }

    /// <summary>The d_i = x_i - x_0.</summary>
    public static double[][] Deltas(double[] x0, double[][] x) => [.. x.Select(s => Minus(s, x0))];

    /// <summary>
    /// For each vector along an axis, where its elements lie; axis -1 is the last, whose vectors are the rows. No axis (a scalar) is one
    /// vector of one element.
    /// </summary>
    public static int[][] Lanes(long[] shape, int axis = -1)
    {
        int count = (int)shape.Aggregate(1L, (a, b) => a * b);
        if (count == 0)
        {
            return [];
        }

        axis = axis < 0 ? shape.Length - 1 : axis;
        int length = shape.Length == 0 ? 1 : (int)shape[axis];
        int stride = (int)shape.Skip(axis + 1).Aggregate(1L, (a, b) => a * b);
        return [.. Enumerable.Range(0, count / length).Select(lane =>
        {
            int start = (lane / stride * stride * length) + (lane % stride);
            return Enumerable.Range(0, length).Select(i => start + (i * stride)).ToArray();
        })];
    }

    /// <summary>Applies a rule of vectors to each vector along an axis.</summary>
    public static double[] PerLane(int[][] lanes, int count, double[][] x, Func<double[][], double[]> rule)
    {
        double[] result = new double[count];
        foreach (int[] lane in lanes)
        {
            double[] merged = rule([.. x.Select(s => lane.Select(i => s[i]).ToArray())]);
            for (int i = 0; i < lane.Length; i++)
            {
                result[lane[i]] = merged[i];
            }
        }

        return result;
    }
}
