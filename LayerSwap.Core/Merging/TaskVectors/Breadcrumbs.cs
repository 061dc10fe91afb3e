using LayerSwap.Merging;

namespace LayerSwap;

/// <summary>Options of Model Breadcrumbs (Davari and Belilovsky, arXiv:2312.06795).</summary>
public sealed record BreadcrumbsOptions
{
    /// <summary>The share of each delta that is kept, by tensor: 0 to 1; 1 by default, which also keeps outliers.</summary>
    public PerSource Density { get; init; } = 1.0;

    /// <summary>
    /// The share of the largest magnitudes that is dropped as outliers: from 0, below 1; 0.01 by default. If density and gamma sum to more
    /// than 1, fewer are dropped.
    /// </summary>
    public PerSource Gamma { get; init; } = 0.01;

    /// <summary>The scale of the merged delta; 1 by default. Any finite number.</summary>
    public Schedule Lambda { get; init; } = 1;

    /// <summary>Whether the sum is divided by the sum of weights; false by default.</summary>
    public bool Normalize { get; init; }

    /// <summary>How kept values are rescaled; <see cref="Rescale.None"/> by default.</summary>
    public Rescale Rescale { get; init; } = Rescale.None;

    /// <summary>
    /// Whether signs are elected, so that only agreeing entries are merged (breadcrumbs_ties); false by default, which sums (breadcrumbs).
    /// </summary>
    public bool SignConsensus { get; init; }
}

public static partial class MergeStrategies
{
    /// <summary>
    /// Model Breadcrumbs (Davari and Belilovsky, arXiv:2312.06795): drops the largest and the smallest elements of each delta, then sums,
    /// or merges where signs agree. Needs a base.
    /// </summary>
    /// <param name="options">The parameters.</param>
    public static IMergeStrategy Breadcrumbs(BreadcrumbsOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new Breadcrumbs(options);
    }
}

/// <summary>Drops outliers and small elements, then sums or elects signs (arXiv:2312.06795).</summary>
internal sealed class Breadcrumbs(BreadcrumbsOptions options)
    : TaskVectorStrategy<BreadcrumbsOptions>(options.SignConsensus ? TiesDescriptor : LinearDescriptor, options)
{
    public static readonly MethodDescriptor<BreadcrumbsOptions> LinearDescriptor =
        Describe("breadcrumbs", "Each delta without its largest and smallest elements, summed.", new());

    public static readonly MethodDescriptor<BreadcrumbsOptions> TiesDescriptor = Describe(
        "breadcrumbs_ties",
        "Each delta without its largest and smallest elements, merged where signs agree.",
        new() { SignConsensus = true });

    protected override TaskVectorChoices Choices =>
        new(Options.Density, Options.Lambda, Options.Normalize, Options.Rescale, Options.SignConsensus);

    protected override ISparsifier Sparsifier(TensorContext tensor, double[] densities)
    {
        double[] gammas = Options.Gamma.At(tensor, "gamma");
        Array.ForEach(gammas, g => Require(g is >= 0 and < 1, "gamma", g, "0 up to, but without, 1"));
        return new MagnitudeSparsifier(densities, gammas, tensor.Output.ElementCount);
    }

    private static MethodDescriptor<BreadcrumbsOptions> Describe(string name, string summary, BreadcrumbsOptions defaults) =>
        new MethodDescriptor<BreadcrumbsOptions>(name, summary, defaults, o => new Breadcrumbs(o))
        {
            NeedsBase = true,
            UsesWeights = true,
        }
        .Density(o => o.Density, (o, v) => o with { Density = v })
        .PerSource("gamma", "The share of the very largest that is dropped; 0 up to 1.", o => o.Gamma, (o, v) => o with { Gamma = v })
        .Lambda(o => o.Lambda, (o, v) => o with { Lambda = v })
        .Normalize(o => o.Normalize, (o, v) => o with { Normalize = v })
        .Rescale(o => o.Rescale, (o, v) => o with { Rescale = v })
        .Ignored("int8_mask");
}
