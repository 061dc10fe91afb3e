namespace LayerSwap.Benchmarks.Paper;

/// <summary>The results of one model or merge. The pair is empty for a single model. A missing array was not measured.</summary>
internal sealed record Score
{
    public required string Merge { get; init; }

    public required string Pair { get; init; }

    /// <summary>Whether each test problem in S was solved.</summary>
    public bool[]? Test { get; init; }

    /// <summary>Whether each validation problem in S was solved.</summary>
    public bool[]? Validation { get; init; }

    /// <summary>Whether each test problem in E was solved.</summary>
    public bool[]? TestE { get; init; }

    public static double Accuracy(bool[] solved) => solved.Count(s => s) / (double)solved.Length;

    /// <summary>Averages accuracies over the pairs; null if one is missing.</summary>
    public static double? Mean(IEnumerable<Score> scores, Func<Score, bool[]?> problems)
    {
        bool[]?[] all = [.. scores.Select(problems)];
        return all.Length == 0 || all.Contains(null) ? null : all.Average(a => Accuracy(a!));
    }
}
