using LayerSwap.Merging;
namespace LayerSwap;

/// <summary>Parameters of DELLA (Deep et al., arXiv:2406.11617).</summary>
public sealed record DellaOptions
{
    /// <summary>The mean probability with which an element of a change is kept: 0 to 1; 1 by default, which keeps all.</summary>
    public PerSource Density { get; init; } = 1.0;

    /// <summary>How far probabilities lie from the density at either end of a row's ranking; 0.15 by default. Density minus and plus it must lie between 0 and 1.</summary>
    public PerSource Epsilon { get; init; } = 0.15;

    /// <summary>The scale of the merged change; 1 by default. Any finite number.</summary>
    public Schedule Lambda { get; init; } = 1;

    /// <summary>Whether the result is divided by the sum of weights; null (the default) for true with sign consensus and false without.</summary>
    public bool? Normalize { get; init; }

    /// <summary>How what was dropped is made up for; <see cref="Rescale.L1"/> by default.</summary>
    public Rescale Rescale { get; init; } = Rescale.L1;

    /// <summary>Whether entries must agree with the majority's sign (della, the default) or are summed (della_linear).</summary>
    public bool SignConsensus { get; init; } = true;
}
