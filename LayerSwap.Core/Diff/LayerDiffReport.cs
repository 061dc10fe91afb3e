using System.Globalization;
using System.Text;
using LayerSwap.Common;
using LayerSwap.Diff;

namespace LayerSwap;

/// <summary>The result of a diff: the deltas of each model, and how the models' deltas agree. It prints as an aligned table.</summary>
public sealed partial record LayerDiffReport
{
    internal LayerDiffReport()
    {
    }

    /// <summary>The base's name.</summary>
    public required string Base { get; init; }

    /// <summary>The models' names, in the order given.</summary>
    public required IReadOnlyList<string> Models { get; init; }

    /// <summary>The metric that ranks the entries.</summary>
    public required DiffMetric RankedBy { get; init; }

    /// <summary>The unit of the entries.</summary>
    public required LayerGrouping GroupedBy { get; init; }

    /// <summary>All entries, model by model, each by rank.</summary>
    public required IReadOnlyList<DiffEntry> Entries { get; init; }

    /// <summary>The agreement of every two models, in model order; empty with one model.</summary>
    public required IReadOnlyList<DiffPair> Pairs { get; init; }

    /// <summary>The tensors left out: not every model has them in one shape, or their dtype has no arithmetic, such as integers.</summary>
    public required IReadOnlyList<string> Skipped { get; init; }

    /// <summary>
    /// The row and column profiles of every two-dimensional weight, model by model; empty without <see cref="LayerDiff.WithProfiles"/>.
    /// </summary>
    public IReadOnlyList<TensorProfile> Profiles => Measured.Profiles;

    /// <summary>The findings that argue against a merge, or should be known before it; may be empty.</summary>
    public IReadOnlyList<DiffFinding> Findings => DiffDiagnostics.Diagnose(Measured);

    internal DiffMeasurement Measured { get; init; } = null!;

    /// <summary>Returns the report with all entries in another grouping. Reads no tensor again.</summary>
    public LayerDiffReport GroupBy(LayerGrouping grouping) => DiffGrouping.CreateReport(Measured, grouping, RankedBy);

    /// <summary>Returns the report with all entries ranked by another metric. Reads no tensor again.</summary>
    public LayerDiffReport RankBy(DiffMetric metric) => DiffGrouping.CreateReport(Measured, GroupedBy, metric);

    /// <summary>Returns the report with only the top-ranked entries of each model.</summary>
    /// <param name="count">The number of entries for each model, 1 or more.</param>
    public LayerDiffReport Top(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return this with { Entries = [.. Entries.Where(e => e.Rank <= count)] };
    }

    /// <summary>Suggests a layer swap from the layer-by-layer deltas of two models.</summary>
    public SwapSuggestion Suggest() => SwapSuggester.Suggest(Measured);

    /// <summary>
    /// Selects all layers of the main stack, each scored by its delta in a model: <c>diff.In(math).Top(3)</c>,
    /// <c>diff.In(math).Above(0.001)</c>.
    /// </summary>
    /// <param name="model">One of the models compared.</param>
    /// <exception cref="ArgumentException">The model was not compared.</exception>
    public LayerSet In(ICheckpoint model)
    {
        double[] scores = ComputeScores(IndexOf(model));
        return new LayerSet(scores, Enumerable.Range(0, scores.Length));
    }

    /// <summary>
    /// Selects the layers whose share of this model's delta is larger than their share in any other model:
    /// <c>diff.MoreIn(swahili).Contiguous()</c>. Shares are of the report's metric over the main stack, as in arXiv:2601.22620,
    /// so that a heavier fine-tuning does not win everywhere. Scores are the difference of the shares, from -1 to 1.
    /// </summary>
    /// <param name="model">One of the models compared.</param>
    /// <exception cref="ArgumentException">The model was not compared.</exception>
    /// <exception cref="InvalidOperationException">Only one model was compared.</exception>
    public LayerSet MoreIn(ICheckpoint model)
    {
        int index = IndexOf(model);
        if (Models.Count < 2)
        {
            throw new InvalidOperationException(
                "MoreIn needs two models or more, and this diff has one. Remedy: name more models in To, or use In.");
        }

        double[][] shares =
        [
            .. Enumerable.Range(0, Models.Count)
                .Select(ComputeScores)
                .Select(s => s.Select(v => DeltaTotal.Ratio(v, s.Sum())).ToArray()),
        ];
        double[][] others = [.. shares.Where((_, m) => m != index)];
        double[] leads = [.. shares[index].Select((share, l) => share - others.Max(s => s[l]))];
        return new LayerSet(leads, Enumerable.Range(0, leads.Length).Where(l => leads[l] > 0));
    }

    /// <summary>Computes the share of rows and columns of each two-dimensional weight with deltas above a threshold.</summary>
    /// <param name="threshold">A mean absolute delta, or a quantile pooled over all layers of a component of a model.</param>
    /// <exception cref="InvalidOperationException">The diff was run without profiles.</exception>
    public IReadOnlyList<ThresholdShare> SharesAbove(DiffThreshold threshold)
    {
        ArgumentNullException.ThrowIfNull(threshold);
        if (!Measured.HasProfiles)
        {
            throw new InvalidOperationException("Thresholds apply to rows and columns, which this diff did not measure. "
                + "Remedy: LayerDiff.From(...).To(...).WithProfiles().");
        }

        var thresholds = Profiles.GroupBy(p => (p.Model, p.Stack, p.Component)).ToDictionary(
            g => g.Key,
            g => (Row: threshold.Resolve(g.Select(p => p.Rows)), Column: threshold.Resolve(g.Select(p => p.Columns))));
        return [.. Profiles.Select(p =>
        {
            (double row, double column) = thresholds[(p.Model, p.Stack, p.Component)];
            return new ThresholdShare
            {
                Model = p.Model,
                Name = p.Name,
                Layer = p.Layer,
                Component = p.Component,
                RowThreshold = row,
                Rows = p.Rows.Count(v => v > row) / (double)p.Rows.Count,
                ColumnThreshold = column,
                Columns = p.Columns.Count(v => v > column) / (double)p.Columns.Count,
            };
        })];
    }

    private int IndexOf(ICheckpoint model)
    {
        ArgumentNullException.ThrowIfNull(model);
        int index = Measured.Inputs.Skip(1).ToList().IndexOf(model);
        return index >= 0 ? index : throw new ArgumentException(
            $"{Printable.Escape(model.Name)} is none of the models compared: {string.Join(", ", Models.Select(Printable.Escape))}.",
            nameof(model));
    }

    /// <summary>Returns the amount of each layer's delta in one model, by the report's metric.</summary>
    private double[] ComputeScores(int model) => [.. Measured.Layers.Select(l => l.Magnitude(RankedBy, model))];

    /// <summary>Formats all entries and all pairs as aligned tables.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        foreach (string model in Models)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"{Printable.Escape(Base)} -> {Printable.Escape(model)}, by {DiffMetricNames.Of(RankedBy)}\n");
            TextTable table = new(
                "name", "rank", "parameters", "mav", "relative mav", "l2", "relative l2", "cosine", "max", "changed", "share");
            foreach (DiffEntry e in Entries.Where(e => e.Model == model))
            {
                table.Add(
                    Printable.Escape(e.Name),
                    Text(e.Rank),
                    Text(e.Parameters),
                    Text(e.MeanAbsolute),
                    Text(e.RelativeMeanAbsolute),
                    Text(e.L2),
                    Text(e.RelativeL2),
                    Text(e.Cosine),
                    Text(e.MaxAbsolute),
                    Percent(e.Changed),
                    Percent(e.Share));
            }

            text.Append(table).Append('\n');
        }

        foreach (IGrouping<(string A, string B), DiffPair> pair in Pairs.GroupBy(p => (p.A, p.B)))
        {
            text.Append(CultureInfo.InvariantCulture, $"changes of {Printable.Escape(pair.Key.A)} and {Printable.Escape(pair.Key.B)}\n");
            bool withOverlap = Profiles.Count > 0;
            TextTable table = withOverlap ? new("name", "cosine", "sign conflict", "row overlap") : new("name", "cosine", "sign conflict");
            foreach (DiffPair p in pair)
            {
                string[] cells = [Printable.Escape(p.Name), Text(p.Cosine), Percent(p.SignConflict), Percent(p.RowOverlap)];
                table.Add(withOverlap ? cells : cells[..3]);
            }

            text.Append(table).Append('\n');
        }

        if (Skipped.Count > 0)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"left out, not in every model in one shape, or without arithmetic: {Printable.List(Skipped, 20)}\n");
        }

        foreach (DiffFinding finding in Findings)
        {
            text.Append(CultureInfo.InvariantCulture, $"note: {finding.Message}\n");
        }

        return text.ToString();
    }

    private static string Percent(double value) => value.ToString("P1", CultureInfo.InvariantCulture);

    private static string Text(double value) => value.ToString("G4", CultureInfo.InvariantCulture);

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
