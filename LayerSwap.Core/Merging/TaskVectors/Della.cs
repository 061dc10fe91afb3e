using System.Globalization;
using LayerSwap.Merging;

namespace LayerSwap;

/// <summary>Options of DELLA (Deep et al., arXiv:2406.11617).</summary>
public sealed record DellaOptions
{
    /// <summary>The mean probability with which an element of a delta is kept: 0 to 1; 1 by default.</summary>
    public PerSource Density { get; init; } = 1.0;

    /// <summary>
    /// The distance of the probabilities from the density at either end of a row's ranking, 0 or more; 0.15 by default. Density minus and
    /// plus epsilon must be between 0 and 1, unless the density is 1.
    /// </summary>
    public PerSource Epsilon { get; init; } = 0.15;

    /// <summary>The scale of the merged delta; 1 by default. Any finite number.</summary>
    public Schedule Lambda { get; init; } = 1;

    /// <summary>
    /// Whether the result is divided by the sum of weights; null (the default) for true with <see cref="SignConsensus"/> and false without.
    /// </summary>
    public bool? Normalize { get; init; }

    /// <summary>How kept values are rescaled; <see cref="Rescale.L1"/> by default.</summary>
    public Rescale Rescale { get; init; } = Rescale.L1;

    /// <summary>
    /// Whether signs are elected, so that only agreeing entries are merged (della); true by default. False sums (della_linear).
    /// </summary>
    public bool SignConsensus { get; init; } = true;
}

public static partial class MergeStrategies
{
    /// <summary>
    /// DELLA (Deep et al., arXiv:2406.11617, section 3): drops elements of each delta at random, small ones more often, then merges where
    /// signs agree, or sums. Needs a base.
    /// </summary>
    /// <param name="options">The parameters.</param>
    public static IMergeStrategy Della(DellaOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new Della(options);
    }
}

/// <summary>MAGPRUNE: drops at random by rank and rescales, then sums or elects signs (arXiv:2406.11617, section 3).</summary>
internal sealed class Della(DellaOptions options)
    : TaskVectorStrategy<DellaOptions>(options.SignConsensus ? TiesDescriptor : LinearDescriptor, options)
{
    public static readonly MethodDescriptor<DellaOptions> LinearDescriptor =
        Describe("della_linear", "Each delta thinned out at random, small elements first, summed.", new() { SignConsensus = false });

    public static readonly MethodDescriptor<DellaOptions> TiesDescriptor =
        Describe("della", "Each delta thinned out at random, small elements first, merged where signs agree.", new());

    protected override TaskVectorChoices Choices =>
        new(Options.Density, Options.Lambda, Options.Normalize ?? Options.SignConsensus, Options.Rescale, Options.SignConsensus);

    protected override ISparsifier Sparsifier(TensorContext tensor, double[] densities)
    {
        double[] epsilons = Options.Epsilon.At(tensor, "epsilon");
        for (int s = 0; s < densities.Length; s++)
        {
            Require(densities[s] >= 1 || (densities[s] - epsilons[s] > 0 && densities[s] + epsilons[s] < 1), "epsilon", epsilons[s],
                string.Create(CultureInfo.InvariantCulture, $"less than the distance of density {densities[s]} to 0 and to 1"));
            Require(epsilons[s] >= 0, "epsilon", epsilons[s], "0 or more");
        }

        TensorShape shape = tensor.Output.Shape;
        return new DellaSparsifier(densities, epsilons, Streams(tensor), shape.Rank == 0 ? 1 : Math.Max(shape[shape.Rank - 1], 1));
    }

    private static MethodDescriptor<DellaOptions> Describe(string name, string summary, DellaOptions defaults) =>
        new MethodDescriptor<DellaOptions>(name, summary, defaults, o => new Della(o))
        {
            NeedsBase = true,
            UsesWeights = true,
        }
        .Density(o => o.Density, (o, v) => o with { Density = v })
        .PerSource("epsilon", "The distance of probabilities from the density at either end of a row's ranking.", o => o.Epsilon,
            (o, v) => o with { Epsilon = v })
        .Lambda(o => o.Lambda, (o, v) => o with { Lambda = v })
        .Normalize(o => o.Normalize ?? o.SignConsensus, (o, v) => o with { Normalize = v })
        .Rescale(o => o.Rescale, (o, v) => o with { Rescale = v })
        .Ignored("int8_mask");
}
