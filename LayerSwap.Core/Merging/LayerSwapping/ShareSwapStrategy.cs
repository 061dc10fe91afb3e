using System.Globalization;

namespace LayerSwap.Merging;

/// <summary>Takes each layer from the expert that spent the larger share of its change on it, and averages where the shares are close.</summary>
internal sealed class ShareSwapStrategy : IMergeStrategy, IRecipeForm
{
    private readonly double _threshold;
    private readonly Dictionary<int, double>[] _shares;
    private readonly string[] _models;

    public ShareSwapStrategy(LayerShares shares, double threshold)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threshold);
        _threshold = threshold;
        _models = shares.Models;
        _shares = shares.OfLayers;
    }

    public string Name => "share_swap";

    public string Settings => ToString();

    public IEnumerable<(string Name, object Value)> Parameters => [("threshold", _threshold)];

    public override string ToString() => $"threshold {_threshold.ToString(CultureInfo.InvariantCulture)}";

    public TensorOperation Bind(TensorContext tensor)
    {
        if (!tensor.Sources.SequenceEqual(_models, StringComparer.Ordinal))
        {
            throw new MergeException($"share_swap was given the changes of {string.Join(" and ", _models.Select(Printable.Escape))}, but merges {string.Join(" and ", tensor.Sources.Select(Printable.Escape))}. "
                + "Remedy: compare and merge the same two models in the same order.");
        }

        double difference = tensor.Place is { InMainStack: true, Layer: { } layer } && _shares[0].TryGetValue(layer, out double a) && _shares[1].TryGetValue(layer, out double b) ? a - b : 0;
        return difference > _threshold ? TensorOperation.Take(0)
            : difference < -_threshold ? TensorOperation.Take(1)
            : WeightedAverage.Of(Name, [.. tensor.Weights], normalize: true);
    }
}

/// <summary>For two models what share of its whole change each layer has: <c>p(layer) = change(layer) / sum of changes</c> (arXiv:2601.22620).</summary>
internal sealed record LayerShares(string[] Models, Dictionary<int, double>[] OfLayers);
