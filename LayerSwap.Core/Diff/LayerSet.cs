using System.Globalization;

namespace LayerSwap;

/// <summary>Layers of the main stack chosen by what a diff measured, each with its score: a selector that <see cref="MergeBuilder"/> takes wherever it takes one.</summary>
public sealed class LayerSet : LayerSelector
{
    private readonly IReadOnlyList<double> _scores;
    private readonly HashSet<int> _chosen;

    internal LayerSet(IReadOnlyList<double> scores, IEnumerable<int> chosen)
        : this(scores, [.. chosen])
    {
    }

    private LayerSet(IReadOnlyList<double> scores, HashSet<int> chosen)
        : base($"Layers.At({string.Join(", ", chosen.Order().Select(l => l.ToString(CultureInfo.InvariantCulture)))})", p => p.InMainStack && chosen.Contains(p.Layer!.Value)) =>
        (_scores, _chosen) = (scores, chosen);

    /// <summary>The layers chosen, by number, ascending.</summary>
    public IReadOnlyList<int> Layers => [.. _chosen.Order()];

    /// <summary>The score of each layer of the model, chosen or not.</summary>
    public IReadOnlyList<double> Scores => _scores;

    /// <summary>Of these the ones with the highest scores; of equal ones the lower.</summary>
    /// <param name="count">How many at most; 1 or more.</param>
    public LayerSet Top(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return new(_scores, Layers.OrderByDescending(l => _scores[l]).Take(count));
    }

    /// <summary>Of these the ones with a score above a value.</summary>
    /// <param name="score">In the unit of the scores.</param>
    public LayerSet Above(double score) => new(_scores, Layers.Where(l => _scores[l] > score));

    /// <summary>Of these the ones that reach from the first or the last layer on without a gap: what layer swapping's bottom and top are.</summary>
    public LayerSet Contiguous() => new(_scores, Enumerable.Range(0, _scores.Count).TakeWhile(_chosen.Contains)
        .Concat(Enumerable.Range(0, _scores.Count).Reverse().TakeWhile(_chosen.Contains)));

    /// <summary>All other layers of the main stack. (<c>!set</c> would be all other tensors, those outside the layers too.)</summary>
    public LayerSet OtherLayers() => new(_scores, Enumerable.Range(0, _scores.Count).Where(l => !_chosen.Contains(l)));
}
