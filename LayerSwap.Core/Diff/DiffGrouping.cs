using System.Globalization;
using LayerSwap.Merging;

namespace LayerSwap.Diff;

/// <summary>Adds up what was measured by layer, component or tensor, and turns it into metrics and ranks.</summary>
internal static class DiffGrouping
{
    public static LayerDiffReport Report(DiffMeasurement measured, LayerGrouping grouping, DiffMetric metric)
    {
        IReadOnlyList<string> models = measured.Models;
        IReadOnlyList<(Place Key, DeltaTotal Total)> groups = measured.GroupBy(place => Key(place, grouping));
        DeltaTotal whole = measured.Whole;
        return new LayerDiffReport
        {
            Base = measured.Base,
            Models = models,
            RankedBy = metric,
            GroupedBy = grouping,
            Entries = [.. models.SelectMany((model, index) => Ranked(metric, groups.Select(g => Entry(g.Key, g.Total, model, index, whole.AbsoluteSum(index)))))],
            Pairs = [.. TensorDelta.Pairing(models.Count).SelectMany((pair, index) => groups.Select(g => Pair(g.Key, g.Total, models[pair.A], models[pair.B], index)))],
            Skipped = measured.Skipped,
            Measured = measured,
        };
    }

    private static Place Key(TensorPlace place, LayerGrouping grouping) => grouping switch
    {
        LayerGrouping.Tensor => new(place.Name, place.Layer, place.Component),
        LayerGrouping.Component => new(place.Component, null, place.Component),
        _ when place.Layer is { } layer => new(string.Create(CultureInfo.InvariantCulture, $"{place.Stack}.{layer}"), layer, null),
        _ => new(place.Component, null, place.Component),
    };

    private static IEnumerable<DiffEntry> Ranked(DiffMetric metric, IEnumerable<DiffEntry> entries) => entries
        .OrderBy(e => double.IsNaN(e[metric]) ? 1 : 0)
        .ThenByDescending(e => metric == DiffMetric.Cosine ? -e[metric] : e[metric])
        .Select((entry, index) => entry with { Rank = index + 1 });

    private static DiffEntry Entry(Place place, DeltaTotal total, string model, int index, double sum) => new()
    {
        Model = model,
        Name = place.Name,
        Layer = place.Layer,
        Component = place.Component,
        Parameters = total.Elements,
        Rank = 0,
        MeanAbsolute = total.MeanAbsolute(index),
        MatrixMeanAbsolute = total.MatrixMeanAbsolute(index),
        RelativeMeanAbsolute = total.RelativeMeanAbsolute(index),
        L2 = total.L2(index),
        RelativeL2 = total.RelativeL2(index),
        Cosine = total.Cosine(index),
        MaxAbsolute = total.MaxAbsolute(index),
        Changed = total.Changed(index),
        Share = DeltaTotal.Ratio(total.AbsoluteSum(index), sum),
    };

    private static DiffPair Pair(Place place, DeltaTotal total, string a, string b, int index) => new()
    {
        A = a,
        B = b,
        Name = place.Name,
        Layer = place.Layer,
        Cosine = total.PairCosine(index),
        SignConflict = total.SignConflict(index),
        RowOverlap = total.RowOverlap(index),
    };

    private sealed record Place(string Name, int? Layer, string? Component);
}
