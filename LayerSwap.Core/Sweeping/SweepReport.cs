using System.Globalization;
using LayerSwap.Common;
using LayerSwap.Reports.Notebooks;

namespace LayerSwap;

/// <summary>The score of a candidate.</summary>
public sealed record SweepResult
{
    /// <summary>The candidate's name.</summary>
    public required string Name { get; init; }

    /// <summary>The score; higher is better.</summary>
    public required double Score { get; init; }
}

/// <summary>The scores of a sweep. Printing it gives an aligned table, the best first.</summary>
[TypeFormatterSource(typeof(NotebookFormatters))]
public sealed record SweepReport
{
    /// <summary>All results, the best first; equal scores in the order of evaluation.</summary>
    public required IReadOnlyList<SweepResult> Results { get; init; }

    /// <summary>The result with the highest score.</summary>
    public SweepResult Best => Results[0];

    /// <summary>The middle result; with an even count, the better of the two.</summary>
    public SweepResult Median => Results[(Results.Count - 1) / 2];

    /// <summary>The result with the lowest score.</summary>
    public SweepResult Worst => Results[^1];

    /// <summary>Writes the table, then best, median and worst.</summary>
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

/// <summary>The progress of a sweep.</summary>
public sealed record SweepProgress
{
    /// <summary>The number of candidates scored, earlier runs included.</summary>
    public required int Done { get; init; }

    /// <summary>The number of candidates.</summary>
    public required int Total { get; init; }

    /// <summary>The last result.</summary>
    public required SweepResult Last { get; init; }
}

/// <summary>The options of a sweep.</summary>
public sealed record SweepOptions
{
    /// <summary>A file that records every score, from which a later sweep resumes; null (the default) for none.</summary>
    public string? Log { get; init; }

    /// <summary>Receives every score; null (the default) for no reports.</summary>
    public IProgress<SweepProgress>? Progress { get; init; }
}
