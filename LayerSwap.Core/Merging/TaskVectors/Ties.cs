using LayerSwap.Merging;

namespace LayerSwap;

/// <summary>Options of TIES (Yadav et al., arXiv:2306.01708).</summary>
public sealed record TiesOptions
{
    /// <summary>The share of each delta that is kept, the largest magnitudes of each tensor: 0 to 1; 1 by default.</summary>
    public PerSource Density { get; init; } = 1.0;

    /// <summary>The scale of the merged delta; 1 by default. Any finite number.</summary>
    public Schedule Lambda { get; init; } = 1;

    /// <summary>Whether the sum of agreeing entries is divided by the sum of their weights; true by default.</summary>
    public bool Normalize { get; init; } = true;

    /// <summary>How kept values are rescaled; <see cref="Rescale.None"/> by default.</summary>
    public Rescale Rescale { get; init; } = Rescale.None;
}

public static partial class MergeStrategies
{
    /// <summary>
    /// TIES (Yadav et al., arXiv:2306.01708, section 3): trims each delta to its largest elements, elects signs, and merges the agreeing
    /// elements. Needs a base.
    /// </summary>
    /// <param name="density">The share of each delta that is kept: 0 to 1.</param>
    public static IMergeStrategy Ties(PerSource density) => Ties(new TiesOptions { Density = density });

    /// <inheritdoc cref="Ties(PerSource)"/>
    /// <param name="options">The parameters.</param>
    public static IMergeStrategy Ties(TiesOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new Ties(options);
    }
}

/// <summary>Trims by magnitude, elects signs, merges (arXiv:2306.01708, section 3).</summary>
internal sealed class Ties(TiesOptions options) : TaskVectorStrategy<TiesOptions>(Descriptor, options)
{
    public static readonly MethodDescriptor<TiesOptions> Descriptor = new MethodDescriptor<TiesOptions>(
        "ties", "Each delta trimmed to its largest elements, merged where signs agree.", new(), o => new Ties(o))
    {
        NeedsBase = true,
        UsesWeights = true,
    }
    .Density(o => o.Density, (o, v) => o with { Density = v })
    .Lambda(o => o.Lambda, (o, v) => o with { Lambda = v })
    .Normalize(o => o.Normalize, (o, v) => o with { Normalize = v })
    .Rescale(o => o.Rescale, (o, v) => o with { Rescale = v })
    .Ignored("int8_mask");

    protected override TaskVectorChoices Choices =>
        new(Options.Density, Options.Lambda, Options.Normalize, Options.Rescale, SignConsensus: true);

    protected override ISparsifier Sparsifier(TensorContext tensor, double[] densities) =>
        new MagnitudeSparsifier(densities, new double[densities.Length], tensor.Output.ElementCount);
}
