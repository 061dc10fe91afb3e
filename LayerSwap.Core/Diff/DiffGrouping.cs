using System.Globalization;

namespace LayerSwap.Diff;

/// <summary>Sums a measurement by layer, component or tensor, and computes metrics and ranks.</summary>
internal static class DiffGrouping
{
    public static LayerDiffReport CreateReport(DiffMeasurement measured, LayerGrouping grouping, DiffMetric metric)
    {
        IReadOnlyList<string> models = measured.Models;
        IReadOnlyList<(GroupKey Key, DeltaTotal Total)> groups = measured.GroupBy(place => GetKey(place, grouping));
        DeltaTotal whole = measured.Whole;
        return new LayerDiffReport
        {
            Base = measured.Base,
            Models = models,
            RankedBy = metric,
            GroupedBy = grouping,
            Entries =
            [
                .. models.SelectMany((model, index) =>
                    Rank(metric, groups.Select(g => CreateEntry(g, model, index, whole.AbsoluteSum(index))))),
            ],
            Pairs =
            [
                .. TensorDelta.EnumeratePairs(models.Count)
                    .SelectMany((pair, index) => groups.Select(g => CreatePair(g, models[pair.A], models[pair.B], index))),
            ],
            Skipped = measured.Skipped,
            Measured = measured,
        };
    }

    private static GroupKey GetKey(TensorPlace place, LayerGrouping grouping) => grouping switch
    {
        LayerGrouping.Tensor => new(place.Name, place.Layer, place.Component),
        LayerGrouping.Component => new(place.Component, null, place.Component),
        _ when place.Layer is { } layer => new(string.Create(CultureInfo.InvariantCulture, $"{place.Stack}.{layer}"), layer, null),
        _ => new(place.Component, null, place.Component),
    };

    private static IEnumerable<DiffEntry> Rank(DiffMetric metric, IEnumerable<DiffEntry> entries) => entries
        .OrderBy(e => double.IsNaN(e[metric]) ? 1 : 0)
        .ThenByDescending(e => metric == DiffMetric.Cosine ? -e[metric] : e[metric])
        .Select((entry, index) => entry with { Rank = index + 1 });

    private static DiffEntry CreateEntry((GroupKey Key, DeltaTotal Total) group, string model, int index, double sum) => new()
    {
        Model = model,
        Name = group.Key.Name,
        Layer = group.Key.Layer,
        Component = group.Key.Component,
        Parameters = group.Total.Elements,
        Rank = 0,
        MeanAbsolute = group.Total.MeanAbsolute(index),
        MatrixMeanAbsolute = group.Total.MatrixMeanAbsolute(index),
        RelativeMeanAbsolute = group.Total.RelativeMeanAbsolute(index),
        L2 = group.Total.L2(index),
        RelativeL2 = group.Total.RelativeL2(index),
        Cosine = group.Total.Cosine(index),
        MaxAbsolute = group.Total.MaxAbsolute(index),
        Changed = group.Total.Changed(index),
        Share = DeltaTotal.Ratio(group.Total.AbsoluteSum(index), sum),
    };

    private static DiffPair CreatePair((GroupKey Key, DeltaTotal Total) group, string a, string b, int index) => new()
    {
        A = a,
        B = b,
        Name = group.Key.Name,
        Layer = group.Key.Layer,
        Cosine = group.Total.PairCosine(index),
        SignConflict = group.Total.SignConflict(index),
        RowOverlap = group.Total.RowOverlap(index),
    };

    private sealed record GroupKey(string Name, int? Layer, string? Component);
}
