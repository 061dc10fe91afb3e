namespace LayerSwap.Tests.Diff;

/// <summary>Computes the paper's measures of change in float64 loops.</summary>
internal static class DeltaOracle
{
    /// <summary>abs(D) of every element of a tensor.</summary>
    public static double[] Changes(ICheckpoint baseModel, ICheckpoint fineTuned, string name) =>
        [.. SmallModels.Values(baseModel, name).Zip(SmallModels.Values(fineTuned, name), (a, b) => Math.Abs(b - a))];

    /// <summary>row_mav[i]: the mean over j of abs(D[i,j]).</summary>
    public static double[] Rows(double[] changes, long rows, long columns)
    {
        double[] means = new double[rows];
        for (long i = 0; i < rows; i++)
        {
            double sum = 0;
            for (long j = 0; j < columns; j++)
            {
                sum += changes[(i * columns) + j];
            }

            means[i] = sum / columns;
        }

        return means;
    }

    /// <summary>col_mav[j]: the mean over i of abs(D[i,j]).</summary>
    public static double[] Columns(double[] changes, long rows, long columns)
    {
        double[] means = new double[columns];
        for (long j = 0; j < columns; j++)
        {
            double sum = 0;
            for (long i = 0; i < rows; i++)
            {
                sum += changes[(i * columns) + j];
            }

            means[j] = sum / rows;
        }

        return means;
    }

    /// <summary>All of them within a millionth.</summary>
    public static void Near(IReadOnlyList<double> expected, IReadOnlyList<double> actual)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (int i = 0; i < expected.Count; i++)
        {
            Near(expected[i], actual[i], i);
        }
    }

    public static void Near(double expected, double actual, int at = 0)
    {
        // The message is made only where it is shown: there are millions of elements.
        bool near = expected.Equals(actual) || Math.Abs(expected - actual) <= 1e-6 * Math.Abs(expected);
        if (!near)
        {
            Assert.Fail($"{actual:R}, expected {expected:R}, at {at}");
        }
    }

    /// <summary>Noise whose elements differ from each other and from seed to seed.</summary>
    public static double[] Noise(long count, int seed)
    {
        System.Random random = new(seed);
        double[] values = new double[count];
        for (long i = 0; i < count; i++)
        {
            values[i] = random.NextDouble() - 0.5;
        }

        return values;
    }

    /// <summary>Fine-tunes values: moves every element by at most the given change.</summary>
    public static double[] Moved(double[] values, double change, int seed) =>
        [.. values.Zip(Noise(values.Length, seed), (v, n) => v + (2 * change * n))];
}
