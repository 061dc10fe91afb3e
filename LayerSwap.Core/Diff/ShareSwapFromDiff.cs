namespace LayerSwap;

public static partial class MergeStrategies
{
    /// <inheritdoc cref="ShareSwap(double)"/>
    /// <param name="diff">A diff of the two merged models, in the same order, grouped by layer; deltas are measured by L2.</param>
    /// <param name="threshold">The difference of shares that must be passed; 0 or more, 0.1 by default.</param>
    /// <exception cref="ArgumentException">The diff has not two models, or is not grouped by layer.</exception>
    public static IMergeStrategy ShareSwap(LayerDiffReport diff, double threshold = 0.1)
    {
        ArgumentNullException.ThrowIfNull(diff);
        if (diff.Models.Count != 2 || diff.GroupedBy != LayerGrouping.Layer)
        {
            throw new ArgumentException(
                "A diff of two models by layer is needed; "
                + $"this one has {diff.Models.Count}, by {diff.GroupedBy.ToString().ToLowerInvariant()}.", nameof(diff));
        }

        return new ShareSwap(new() { Threshold = threshold }, SharesOf(diff));
    }

    /// <summary>Computes the share of each layer of the stack with the most parameters.</summary>
    internal static LayerShares SharesOf(LayerDiffReport diff) => new([.. diff.Models], [.. diff.Models.Select(model =>
    {
        IEnumerable<DiffEntry>? mainStack = diff.Entries.Where(e => e.Model == model && e.Layer is not null)
            .GroupBy(e => e.Name[..e.Name.LastIndexOf('.')], StringComparer.Ordinal)
            .MaxBy(g => g.Sum(e => e.Parameters));
        DiffEntry[] layers = [.. mainStack ?? []];
        double sum = layers.Sum(e => e.L2);
        return layers.ToDictionary(e => e.Layer!.Value, e => sum > 0 ? e.L2 / sum : 0);
    })]);
}
