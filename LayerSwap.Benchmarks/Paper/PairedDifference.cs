namespace LayerSwap.Benchmarks.Paper;

/// <summary>How two merges differ on the same problems, over several pairs of experts.</summary>
internal sealed record PairedDifference
{
    /// <summary>The mean over problems and pairs of (first solves it) - (second solves it).</summary>
    public required double Mean { get; init; }

    /// <summary>The standard error of the mean over problems; the pairs' mean is one observation per problem.</summary>
    public required double StandardError { get; init; }

    /// <summary>For each pair: problems that only the first solves, problems that only the second solves.</summary>
    public required IReadOnlyList<(int Gained, int Lost)> Pairs { get; init; }

    /// <summary>McNemar's statistic: the difference of gained and lost problems in standard deviations if neither is better.</summary>
    public static double Z((int Gained, int Lost) pair) => (pair.Gained - pair.Lost) / Math.Sqrt(pair.Gained + pair.Lost);

    /// <param name="first">Whether the first solves each problem, (pair, problem).</param>
    /// <param name="second">The same of the second.</param>
    public static PairedDifference Compute(IReadOnlyList<bool[]> first, IReadOnlyList<bool[]> second)
    {
        int problems = first[0].Length;
        int Difference(int pair, int problem) => Convert.ToInt32(first[pair][problem]) - Convert.ToInt32(second[pair][problem]);
        double[] means = [.. Enumerable.Range(0, problems).Select(p => Enumerable.Range(0, first.Count).Average(i => Difference(i, p)))];
        double mean = means.Average(), variance = means.Sum(m => (m - mean) * (m - mean)) / (problems - 1);
        return new PairedDifference
        {
            Mean = mean,
            StandardError = Math.Sqrt(variance / problems),
            Pairs =
            [
                .. Enumerable.Range(0, first.Count).Select(i => (
                    Enumerable.Range(0, problems).Count(p => Difference(i, p) > 0),
                    Enumerable.Range(0, problems).Count(p => Difference(i, p) < 0))),
            ],
        };
    }
}
