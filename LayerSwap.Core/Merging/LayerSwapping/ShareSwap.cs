using System.Globalization;
using LayerSwap.Merging;

namespace LayerSwap;

public static partial class MergeStrategies
{
    /// <summary>
    /// Share swap (arXiv:2601.22620). A layer's share is <c>p(layer) = L2 norm of the layer's delta / sum over all layers</c>. A layer is
    /// taken from the expert with the larger share if the shares of the two experts differ by more than a threshold, and averaged
    /// otherwise. Planning reads both models and the base once.
    /// </summary>
    /// <param name="threshold">The difference of shares that must be exceeded, from 0; 0.1 by default.</param>
    /// <exception cref="ArgumentException">The threshold is negative or NaN.</exception>
    public static IMergeStrategy ShareSwap(double threshold = 0.1) => new ShareSwap(new() { Threshold = threshold });
}

/// <summary>The share of each layer in the delta of its model, for two models.</summary>
/// <param name="Models">The names of the models.</param>
/// <param name="OfLayers">The shares by layer, one dictionary for each model.</param>
internal sealed record LayerShares(string[] Models, Dictionary<int, double>[] OfLayers);

/// <summary>Takes each layer from the expert with the larger share there, and averages layers with close shares.</summary>
internal sealed class ShareSwap : MethodStrategy<ShareSwap.Parameter>
{
    public static readonly MethodDescriptor<Parameter> Descriptor = new MethodDescriptor<Parameter>(
        "share_swap", "Each layer from the expert that has the larger share of its delta there.", new(), o => new ShareSwap(o))
    {
        NeedsBase = true,
        UsesWeights = true,
        IsWholeModel = true,
    }
    .Plain("threshold", "The difference of shares that must be passed; 0 or more.", o => o.Threshold, (o, v) => o with { Threshold = v });

    private readonly LayerShares? _shares;

    public ShareSwap(Parameter options, LayerShares? shares = null)
        : base(Descriptor, options)
    {
        if (!(options.Threshold >= 0))
        {
            throw new ArgumentException($"threshold is {options.Threshold.ToString(CultureInfo.InvariantCulture)}; 0 or more is expected.");
        }

        _shares = shares;
    }

    /// <summary>Whether the shares must be measured before <see cref="Bind"/>.</summary>
    public bool NeedsShares => _shares is null;

    /// <summary>Creates a copy with shares.</summary>
    public ShareSwap WithShares(LayerShares shares) => new(Options, shares);

    public override TensorOperation Bind(TensorContext tensor)
    {
        if (_shares is null)
        {
            throw new MergeException("share_swap needs a diff of the two models with their base. "
                + "Remedy: plan the merge by a builder, which measures it, or give the diff.");
        }

        if (!tensor.Sources.SequenceEqual(_shares.Models, StringComparer.Ordinal))
        {
            string measured = string.Join(" and ", _shares.Models.Select(Printable.Escape));
            string merged = string.Join(" and ", tensor.Sources.Select(Printable.Escape));
            throw new MergeException($"share_swap was given the deltas of {measured}, but merges {merged}. "
                + "Remedy: compare and merge the same two models in the same order.");
        }

        Dictionary<int, double>[] shares = _shares.OfLayers;
        double difference = 0;
        if (tensor.Place is { InMainStack: true, Layer: { } layer }
            && shares[0].TryGetValue(layer, out double first)
            && shares[1].TryGetValue(layer, out double second))
        {
            difference = first - second;
        }

        return difference > Options.Threshold ? TensorOperation.Take(0)
            : difference < -Options.Threshold ? TensorOperation.Take(1)
            : WeightedAverage.Of(Name, [.. tensor.Weights], normalize: true);
    }

    internal sealed record Parameter
    {
        public double Threshold { get; init; } = 0.1;

        public override string ToString() => $"threshold {Threshold.ToString(CultureInfo.InvariantCulture)}";
    }
}
