using LayerSwap.Merging;

namespace LayerSwap;

/// <summary>Options of multislerp.</summary>
public sealed record MultiSlerpOptions
{
    /// <summary>Whether weights are divided by their sum, which must then not be zero; true by default.</summary>
    public bool NormalizeWeights { get; init; } = true;

    /// <summary>The length below which a mean direction counts as zero, above 0; 1e-8 by default.</summary>
    public double Epsilon { get; init; } = 1e-8;
}

public static partial class MergeStrategies
{
    /// <summary>
    /// The weighted barycentre of several models on the sphere, or of their deltas from a base; each tensor is one vector.
    /// </summary>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">Epsilon is not above 0.</exception>
    public static IMergeStrategy MultiSlerp(MultiSlerpOptions? options = null) => new MultiSlerp(options ?? new());
}

/// <summary>The barycentre of several models, or of their deltas from a base, on the sphere.</summary>
internal sealed class MultiSlerp : MethodStrategy<MultiSlerpOptions>
{
    public static readonly MethodDescriptor<MultiSlerpOptions> Descriptor = new MethodDescriptor<MultiSlerpOptions>(
        "multislerp", "The weighted barycentre of several models on the sphere.", new(), o => new MultiSlerp(o))
    {
        UsesWeights = true,
    }
    .Switch("normalize_weights", "Whether weights are divided by their sum.", o => o.NormalizeWeights,
        (o, v) => o with { NormalizeWeights = v })
    .Plain("eps", "The length below which a mean direction counts as vanishing; above 0.", o => o.Epsilon,
        (o, v) => o with { Epsilon = v });

    public MultiSlerp(MultiSlerpOptions options)
        : base(Descriptor, options) =>
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Epsilon, nameof(MultiSlerpOptions.Epsilon));

    public override TensorOperation Bind(TensorContext tensor)
    {
        if (tensor.SourceCount == 0)
        {
            throw new MergeException("multislerp merges models; this merge has none besides the base. Remedy: add models.");
        }

        if (tensor.SourceCount == 1)
        {
            return TensorOperation.Take(0);
        }

        double sum = tensor.Weights.Sum();
        if (Options.NormalizeWeights && Math.Abs(sum) < 1e-12)
        {
            throw new MergeException("multislerp: the weights sum to 0; a sum other than zero is needed to divide by. "
                + "Remedy: change the weights.");
        }

        double[] weights = [.. tensor.Weights.Select(w => Options.NormalizeWeights ? w / sum : w)];
        return new GramOperation(
            GramGroups.Whole(tensor.Output.Shape), weights.Length, tensor.HasBase, tensor.HasBase,
            g => Spherical.MultiSlerp(g, weights, Options.Epsilon), "");
    }
}
