using System.Globalization;
using LayerSwap.Common;
using LayerSwap.Reports.Notebooks;

namespace LayerSwap;

/// <summary>A candidate's score.</summary>
public sealed record SweepResult
{
    /// <summary>The candidate's name.</summary>
    public required string Name { get; init; }

    /// <summary>What the scorer said of it; higher is better.</summary>
    public required double Score { get; init; }
}

/// <summary>What became of a sweep. Printing it gives an aligned table, the best first.</summary>
[TypeFormatterSource(typeof(NotebookFormatters))]
public sealed record SweepReport
{
    /// <summary>All results, the best first; equal scores in the order tried.</summary>
    public required IReadOnlyList<SweepResult> Results { get; init; }

    /// <summary>The first.</summary>
    public SweepResult Best => Results[0];

    /// <summary>The one in the middle; of an even number the better of two.</summary>
    public SweepResult Median => Results[(Results.Count - 1) / 2];

    /// <summary>The last.</summary>
    public SweepResult Worst => Results[^1];

    /// <summary>The table, then best, median and worst.</summary>
    public override string ToString()
    {
        TextTable table = new("merge", "score");
        foreach (SweepResult result in Results)
        {
            table.Add(Printable.Escape(result.Name), Text(result));
        }

        return $"{table}\nbest {Text(Best)} ({Printable.Escape(Best.Name)}), median {Text(Median)}, worst {Text(Worst)}\n";
    }

    private static string Text(SweepResult result) => result.Score.ToString("0.####", CultureInfo.InvariantCulture);
}

/// <summary>How far a sweep has come.</summary>
public sealed record SweepProgress
{
    /// <summary>Candidates scored so far, those of an earlier run included.</summary>
    public required int Done { get; init; }

    /// <summary>All candidates.</summary>
    public required int Total { get; init; }

    /// <summary>The last one scored.</summary>
    public required SweepResult Last { get; init; }
}

/// <summary>How a sweep runs.</summary>
public sealed record SweepOptions
{
    /// <summary>A file that every score is written to at once, and that a later sweep of the same candidates goes on from; null (the default) for none.</summary>
    public string? Log { get; init; }

    /// <summary>Told of every score; null (the default) for nobody.</summary>
    public IProgress<SweepProgress>? Progress { get; init; }
}
