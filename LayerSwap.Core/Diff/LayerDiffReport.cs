using System.Globalization;
using System.Text;
using LayerSwap.Common;
using LayerSwap.Diff;
using LayerSwap.Merging;
using LayerSwap.Streaming;

namespace LayerSwap;

/// <summary>What fine-tuning changed: entries for each model, and how the models' changes agree. Printing it gives an aligned table.</summary>
public sealed partial record LayerDiffReport
{
    internal LayerDiffReport()
    {
    }

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

    /// <summary>Tensors left out: because not every model has them in one shape, or no arithmetic is defined on their dtype, such as integers.</summary>
    public required IReadOnlyList<string> Skipped { get; init; }

    /// <summary>Row and column profiles of every two-dimensional weight, model by model; empty unless <see cref="LayerDiff.WithProfiles"/> asked for them.</summary>
    public IReadOnlyList<TensorProfile> Profiles => Measured.Profiles;

    /// <summary>What speaks against a merge, or should be known before it; empty where nothing does.</summary>
    public IReadOnlyList<DiffVerdict> Verdicts => DiffDiagnostics.Of(Measured);

    internal DiffMeasurement Measured { get; init; } = null!;

    /// <summary>The same figures with all entries, added up otherwise; nothing is read again.</summary>
    public LayerDiffReport GroupBy(LayerGrouping grouping) => DiffGrouping.Report(Measured, grouping, RankedBy);

    /// <summary>The same figures with all entries, ranked otherwise; nothing is read again.</summary>
    public LayerDiffReport RankBy(DiffMetric metric) => DiffGrouping.Report(Measured, GroupedBy, metric);

    /// <summary>The report with only the most changed entries of each model.</summary>
    /// <param name="count">How many of each, 1 or more.</param>
    public LayerDiffReport Top(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return this with { Entries = [.. Entries.Where(e => e.Rank <= count)] };
    }

    /// <summary>The swap that the profiles of two models' changes speak for.</summary>
    public SwapSuggestion Suggest() => Suggester.Of(Measured);

    /// <summary>All layers of the main stack, scored by how much a model changed them: <c>diff.In(math).Top(3)</c>, <c>diff.In(math).Above(0.001)</c>.</summary>
    /// <param name="model">One of the models compared.</param>
    /// <exception cref="ArgumentException">It was not compared.</exception>
    public LayerSet In(ICheckpoint model)
    {
        double[] scores = Scores(IndexOf(model));
        return new LayerSet(scores, Enumerable.Range(0, scores.Length));
    }

    /// <summary>
    /// The layers that hold a larger share of this model's change, over all layers of the main stack and by the metric that ranks, than of any other's: <c>diff.MoreIn(swahili).Contiguous()</c>. Scores are the difference of the shares, from -1 to 1, so that a heavier
    /// fine-tuning does not win everywhere (the shares of arXiv:2601.22620, by layer).
    /// </summary>
    /// <param name="model">One of the models compared.</param>
    /// <exception cref="ArgumentException">It was not compared.</exception>
    /// <exception cref="InvalidOperationException">Only one model was compared.</exception>
    public LayerSet MoreIn(ICheckpoint model)
    {
        int index = IndexOf(model);
        if (Models.Count < 2)
        {
            throw new InvalidOperationException("Layers that one model changed more than the others need two models or more: name them by To. For one model there is In.");
        }

        double[][] shares = [.. Enumerable.Range(0, Models.Count).Select(Scores).Select(s => s.Select(v => DeltaTotal.Ratio(v, s.Sum())).ToArray())];
        double[] leads = [.. Enumerable.Range(0, shares[index].Length).Select(l => shares[index][l] - shares.Where((_, m) => m != index).Max(s => s[l]))];
        return new LayerSet(leads, Enumerable.Range(0, leads.Length).Where(l => leads[l] > 0));
    }

    /// <summary>The share of rows and columns of each two-dimensional weight that changed more than a threshold.</summary>
    /// <param name="threshold">An absolute change, or a quantile pooled over all layers of a component of a model.</param>
    /// <exception cref="InvalidOperationException">Profiles were not asked for.</exception>
    public IReadOnlyList<ThresholdShare> SharesAbove(DiffThreshold threshold)
    {
        ArgumentNullException.ThrowIfNull(threshold);
        if (!Measured.WithProfiles)
        {
            throw new InvalidOperationException("Thresholds are held against rows and columns, which this diff did not measure. Remedy: LayerDiff.From(...).To(...).WithProfiles().");
        }

        var pooled = Profiles.GroupBy(p => (p.Model, p.Stack, p.Component)).ToDictionary(g => g.Key, g => (Row: threshold.Over(g.Select(p => p.Rows)), Column: threshold.Over(g.Select(p => p.Columns))));
        return [.. Profiles.Select(p =>
        {
            (double row, double column) = pooled[(p.Model, p.Stack, p.Component)];
            return new ThresholdShare
            {
                Model = p.Model, Name = p.Name, Layer = p.Layer, Component = p.Component,
                RowThreshold = row, Rows = p.Rows.Count(v => v > row) / (double)p.Rows.Count,
                ColumnThreshold = column, Columns = p.Columns.Count(v => v > column) / (double)p.Columns.Count,
            };
        })];
    }

    private int IndexOf(ICheckpoint model)
    {
        ArgumentNullException.ThrowIfNull(model);
        int index = Measured.Inputs.Skip(1).ToList().IndexOf(model);
        return index >= 0 ? index : throw new ArgumentException($"{Printable.Escape(model.Name)} is none of the models compared: {string.Join(", ", Models.Select(Printable.Escape))}.", nameof(model));
    }

    /// <summary>Each layer's change in one model by the metric that ranks; more is more, of cosines too.</summary>
    private double[] Scores(int model) => [.. Measured.Layers.Select(l => l.Amount(RankedBy, model))];

    /// <summary>An aligned table of all entries, then one of all pairs.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        foreach (string model in Models)
        {
            text.Append(CultureInfo.InvariantCulture, $"{Printable.Escape(Base)} -> {Printable.Escape(model)}, by {DiffMetricNames.Of(RankedBy)}\n");
            TextTable table = new("name", "rank", "parameters", "mav", "relative mav", "l2", "relative l2", "cosine", "max", "changed", "share");
            foreach (DiffEntry e in Entries.Where(e => e.Model == model))
            {
                table.Add(Printable.Escape(e.Name), Text(e.Rank), Text(e.Parameters), Text(e.MeanAbsolute), Text(e.RelativeMeanAbsolute),
                    Text(e.L2), Text(e.RelativeL2), Text(e.Cosine), Text(e.MaxAbsolute), Percent(e.Changed), Percent(e.Share));
            }

            text.Append(table).Append('\n');
        }

        foreach (IGrouping<(string A, string B), DiffPair> pair in Pairs.GroupBy(p => (p.A, p.B)))
        {
            text.Append(CultureInfo.InvariantCulture, $"changes of {Printable.Escape(pair.Key.A)} and {Printable.Escape(pair.Key.B)}\n");
            TextTable table = Profiles.Count > 0 ? new("name", "cosine", "sign conflict", "row overlap") : new("name", "cosine", "sign conflict");
            foreach (DiffPair p in pair)
            {
                string[] cells = [Printable.Escape(p.Name), Text(p.Cosine), Percent(p.SignConflict), Percent(p.RowOverlap)];
                table.Add(Profiles.Count > 0 ? cells : cells[..3]);
            }

            text.Append(table).Append('\n');
        }

        if (Skipped.Count > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"left out, not in every model in one shape, or without arithmetic: {Printable.List(Skipped, 20)}\n");
        }

        foreach (DiffVerdict verdict in Verdicts)
        {
            text.Append(CultureInfo.InvariantCulture, $"note: {verdict.Message}\n");
        }

        return text.ToString();
    }

    private static string Percent(double value) => value.ToString("P1", CultureInfo.InvariantCulture);

    private static string Text(double value) => value.ToString("G4", CultureInfo.InvariantCulture);

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
