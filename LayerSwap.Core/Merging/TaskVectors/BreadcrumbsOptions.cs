using LayerSwap.Merging;
namespace LayerSwap;

/// <summary>Parameters of Model Breadcrumbs (Davari and Belilovsky, arXiv:2312.06795).</summary>
public sealed record BreadcrumbsOptions
{
    /// <summary>The share of each change that is kept: 0 to 1; 1 by default, which keeps all, outliers too.</summary>
    public PerSource Density { get; init; } = 1.0;

    /// <summary>The share of the very largest magnitudes that is dropped: 0 up to 1; 0.01 by default. Where the two do not fit, fewer are dropped.</summary>
    public PerSource Gamma { get; init; } = 0.01;

    /// <summary>The scale of the merged change; 1 by default. Any finite number.</summary>
    public Schedule Lambda { get; init; } = 1;

    /// <summary>Whether the sum is divided by the sum of weights; false by default.</summary>
    public bool Normalize { get; init; }

    /// <summary>How what was dropped is made up for; not at all by default.</summary>
    public Rescale Rescale { get; init; } = Rescale.None;

    /// <summary>Whether entries must agree with the majority's sign (breadcrumbs_ties) or are summed (the default).</summary>
    public bool SignConsensus { get; init; }
}
