using LayerSwap.Merging;

namespace LayerSwap;

/// <summary>Options of DARE (Yu et al., arXiv:2311.03099).</summary>
public sealed record DareOptions
{
    /// <summary>The probability with which each element of a delta is kept: 0 to 1; 1 by default.</summary>
    public PerSource Density { get; init; } = 1.0;

    /// <summary>The scale of the merged delta; 1 by default. Any finite number.</summary>
    public Schedule Lambda { get; init; } = 1;

    /// <summary>Whether the sum is divided by the sum of weights; false by default.</summary>
    public bool Normalize { get; init; }

    /// <summary>
    /// How kept values are rescaled: <see cref="Rescale.L1"/> by default, as in recipes; the paper uses <see cref="Rescale.Density"/>.
    /// </summary>
    public Rescale Rescale { get; init; } = Rescale.L1;

    /// <summary>
    /// Whether signs are elected, so that only agreeing entries are merged (dare_ties); false by default, which sums (dare_linear).
    /// </summary>
    public bool SignConsensus { get; init; }
}

public static partial class MergeStrategies
{
    /// <summary>
    /// DARE (Yu et al., arXiv:2311.03099): drops elements of each delta at random and rescales the others, then sums, or merges where signs
    /// agree. Needs a base.
    /// </summary>
    /// <param name="options">The parameters.</param>
    public static IMergeStrategy Dare(DareOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new Dare(options);
    }
}

/// <summary>Drops elements at random and rescales, then sums or elects signs (arXiv:2311.03099).</summary>
internal sealed class Dare(DareOptions options)
    : TaskVectorStrategy<DareOptions>(options.SignConsensus ? TiesDescriptor : LinearDescriptor, options)
{
    public static readonly MethodDescriptor<DareOptions> LinearDescriptor =
        Describe("dare_linear", "Each delta thinned out at random, summed.", new());

    public static readonly MethodDescriptor<DareOptions> TiesDescriptor =
        Describe("dare_ties", "Each delta thinned out at random, merged where signs agree.", new() { SignConsensus = true });

    protected override TaskVectorChoices Choices =>
        new(Options.Density, Options.Lambda, Options.Normalize, Options.Rescale, Options.SignConsensus);

    protected override ISparsifier Sparsifier(TensorContext tensor, double[] densities) => new DareSparsifier(densities, Streams(tensor));

    private static MethodDescriptor<DareOptions> Describe(string name, string summary, DareOptions defaults) =>
        new MethodDescriptor<DareOptions>(name, summary, defaults, o => new Dare(o))
        {
            NeedsBase = true,
            UsesWeights = true,
        }
        .Density(o => o.Density, (o, v) => o with { Density = v })
        .Lambda(o => o.Lambda, (o, v) => o with { Lambda = v })
        .Normalize(o => o.Normalize, (o, v) => o with { Normalize = v })
        .Rescale(o => o.Rescale, (o, v) => o with { Rescale = v })
        .Ignored("int8_mask");
}
