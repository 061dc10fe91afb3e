namespace LayerSwap.Tests.Merging.Oracles;

/// <summary>Methods that weigh the changes from a base as vectors: model_stock, arcee_fusion.</summary>
internal static class BaseGeometry
{
    /// <summary>Between the base and the mean of the others, by the angle between their changes; the whole tensor or each row.</summary>
    public static double[] ModelStock(double[] x0, double[][] x, bool filterWise, long[] shape)
    {
        int[][] lanes = filterWise ? Vectors.Lanes(shape) : Vectors.Lanes([x0.Length]);
        return Vectors.PerLane(lanes, x0.Length, [x0, .. x], lane => ModelStock(lane[0], lane[1..]));
    }

    /// <summary>x_1 where it matters more than most of the tensor, the base elsewhere.</summary>
    public static double[] ArceeFusion(double[] x0, double[] x1, long[] shape)
    {
        double[] importance = Importance(x0, x1, shape);
        if (importance.Length == 0)
        {
            return [];
        }

        double threshold = Threshold(importance);
        return [.. x0.Select((b, i) => importance[i] >= threshold ? x1[i] : b)];
    }

    /// <summary>abs(x_1 - x_0) times the divergence of its row.</summary>
    public static double[] Importance(double[] x0, double[] x1, long[] shape) =>
        Vectors.PerLane(Vectors.Lanes(shape), x0.Length, [x0, x1], row =>
    {
        double[] q = SoftMax(row[0]), p = SoftMax(row[1]);
        double divergence = p.Zip(q, (a, b) => a * Math.Log(a / b)).Sum();
        return [.. row[0].Zip(row[1], (b, s) => Math.Abs(s - b) * divergence)];
    });

    /// <summary>Median + 1.5 (q3 - q1).</summary>
    public static double Threshold(double[] importance)
    {
        double[] sorted = [.. importance.Order()];
        double Quantile(double r) => sorted[(int)Math.Floor(r * (sorted.Length - 1))];
        return Quantile(0.5) + (1.5 * (Quantile(0.75) - Quantile(0.25)));
    }

    private static double[] SoftMax(double[] row)
    {
        double highest = row.Max();
        double[] e = [.. row.Select(v => Math.Exp(v - highest))];
        double sum = e.Sum();
        return [.. e.Select(v => (v / sum) + 1e-8)];
    }

    private static double[] ModelStock(double[] x0, double[][] x)
    {
        double[][] d = Vectors.Deltas(x0, x);
        double sum = 0;
        int n = x.Length, pairs = 0;
        for (int i = 0; i < n; i++)
        {
            for (int j = i + 1; j < n; j++)
            {
                sum += Math.Clamp(Vectors.Dot(d[i], d[j]) / Math.Max(Vectors.Norm(d[i]) * Vectors.Norm(d[j]), 1e-6), -1, 1);
                pairs++;
            }
        }

        double c = sum / pairs, divisor = 1 + ((n - 1) * c);
        // At the pole the changes cancel out: there is nothing between them to go to, so the base.
        double t = Math.Abs(divisor) < 1e-6 ? 0 : n * c / divisor;
        double[] mean = Vectors.WeightedSum(x, [.. x.Select(_ => 1.0 / n)]);
        return Vectors.WeightedSum([mean, x0], [t, 1 - t]);
    }
}
