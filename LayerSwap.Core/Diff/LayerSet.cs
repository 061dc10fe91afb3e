using System.Globalization;

namespace LayerSwap;

/// <summary>Layers of the main stack selected by the scores of a diff: a selector for <see cref="MergeBuilder"/>.</summary>
public sealed class LayerSet : LayerSelector
{
    private readonly IReadOnlyList<double> _scores;
    private readonly HashSet<int> _chosen;

    internal LayerSet(IReadOnlyList<double> scores, IEnumerable<int> chosen)
        : this(scores, [.. chosen])
    {
    }

    private LayerSet(IReadOnlyList<double> scores, HashSet<int> chosen)
        : base(Describe(chosen), p => p.InMainStack && chosen.Contains(p.Layer!.Value)) =>
        (_scores, _chosen) = (scores, chosen);

    /// <summary>The selected layers, by number, ascending.</summary>
    public IReadOnlyList<int> Layers => [.. _chosen.Order()];

    /// <summary>The scores of all layers of the main stack, selected or not.</summary>
    public IReadOnlyList<double> Scores => _scores;

    /// <summary>Selects the layers of this set with the highest scores. Of equal scores the lower layers win.</summary>
    /// <param name="count">The maximum number of layers, 1 or more.</param>
    public LayerSet Top(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return new(_scores, Layers.OrderByDescending(l => _scores[l]).Take(count));
    }

    /// <summary>Selects the layers of this set with a score above a value.</summary>
    /// <param name="score">The value, in the unit of the scores.</param>
    public LayerSet Above(double score) => new(_scores, Layers.Where(l => _scores[l] > score));

    /// <summary>Selects the layers of this set that reach the first or the last layer without a gap, as a layer swap needs.</summary>
    public LayerSet Contiguous() => new(_scores, Enumerable.Range(0, _scores.Count).TakeWhile(_chosen.Contains)
        .Concat(Enumerable.Range(0, _scores.Count).Reverse().TakeWhile(_chosen.Contains)));

    /// <summary>Selects all other layers of the main stack. In contrast, <c>!set</c> also selects tensors outside the layers.</summary>
    public LayerSet OtherLayers() => new(_scores, Enumerable.Range(0, _scores.Count).Where(l => !_chosen.Contains(l)));

    private static string Describe(HashSet<int> chosen) =>
        $"Layers.At({string.Join(", ", chosen.Order().Select(l => l.ToString(CultureInfo.InvariantCulture)))})";
}
