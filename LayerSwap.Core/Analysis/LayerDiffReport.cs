using System.Globalization;
using System.Text;
using LayerSwap.Analysis;
using LayerSwap.Tensors;

namespace LayerSwap;

/// <summary>What fine-tuning changed: entries for each model, and how the models' changes agree. Printing it gives an aligned table.</summary>
public sealed record LayerDiffReport
{
    /// <summary>The base's name.</summary>
    public required string Base { get; init; }

    /// <summary>The models' names, in the order given.</summary>
    public required IReadOnlyList<string> Models { get; init; }

    /// <summary>What ranks are by.</summary>
    public required DiffMetric RankedBy { get; init; }

    /// <summary>What entries stand for.</summary>
    public required LayerGrouping GroupedBy { get; init; }

    /// <summary>All entries: model by model, within each from the most changed on.</summary>
    public required IReadOnlyList<DiffEntry> Entries { get; init; }

    /// <summary>For each two models, in model order; empty with one model.</summary>
    public required IReadOnlyList<DiffPair> Pairs { get; init; }

    /// <summary>Tensors left out because no arithmetic is defined on their dtype, such as integers.</summary>
    public required IReadOnlyList<string> Skipped { get; init; }

    /// <summary>What was compared, the base first.</summary>
    internal IReadOnlyList<ICheckpoint> Inputs { get; init; } = [];

    /// <summary>The report with only the most changed entries of each model.</summary>
    /// <param name="count">How many of each, 1 or more.</param>
    public LayerDiffReport Top(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return this with { Entries = [.. Entries.Where(e => e.Rank <= count)] };
    }

    /// <summary>The swap that the profiles of two models' changes speak for; of a report by layer or by tensor that has all its entries.</summary>
    public SwapSuggestion Suggest() => Suggester.Of(this);

    /// <summary>An aligned table of all entries, then one of all pairs.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        foreach (string model in Models)
        {
            text.Append(CultureInfo.InvariantCulture, $"{Printable.Escape(Base)} -> {Printable.Escape(model)}, by {DiffMetricNames.Of(RankedBy)}\n");
            TextTable table = new("name", "rank", "parameters", "mav", "relative mav", "l2", "relative l2", "cosine", "max", "changed");
            foreach (DiffEntry e in Entries.Where(e => e.Model == model))
            {
                table.Add(Printable.Escape(e.Name), Text(e.Rank), Text(e.Parameters), Text(e.MeanAbsolute), Text(e.RelativeMeanAbsolute),
                    Text(e.L2), Text(e.RelativeL2), Text(e.Cosine), Text(e.MaxAbsolute), e.Changed.ToString("P1", CultureInfo.InvariantCulture));
            }

            text.Append(table).Append('\n');
        }

        foreach (IGrouping<(string A, string B), DiffPair> pair in Pairs.GroupBy(p => (p.A, p.B)))
        {
            text.Append(CultureInfo.InvariantCulture, $"changes of {Printable.Escape(pair.Key.A)} and {Printable.Escape(pair.Key.B)}\n");
            TextTable table = new("name", "cosine", "sign conflict");
            foreach (DiffPair p in pair)
            {
                table.Add(Printable.Escape(p.Name), Text(p.Cosine), p.SignConflict.ToString("P1", CultureInfo.InvariantCulture));
            }

            text.Append(table).Append('\n');
        }

        if (Skipped.Count > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"left out, no arithmetic is defined on them: {string.Join(", ", Skipped.Select(Printable.Escape))}\n");
        }

        return text.ToString();
    }

    private static string Text(double value) => value.ToString("G4", CultureInfo.InvariantCulture);

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
