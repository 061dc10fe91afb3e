using LayerSwap.Merging;
namespace LayerSwap;

/// <summary>Parameters of DARE (Yu et al., arXiv:2311.03099).</summary>
public sealed record DareOptions
{
    /// <summary>The probability with which each element of a change is kept: 0 to 1; 1 by default.</summary>
    public PerSource Density { get; init; } = 1.0;

    /// <summary>The scale of the merged change; 1 by default. Any finite number.</summary>
    public Schedule Lambda { get; init; } = 1;

    /// <summary>Whether the sum is divided by the sum of weights; false by default.</summary>
    public bool Normalize { get; init; }

    /// <summary>How what was dropped is made up for: <see cref="Rescale.L1"/> by default, as recipes mean it; the paper's is <see cref="Rescale.Density"/>.</summary>
    public Rescale Rescale { get; init; } = Rescale.L1;

    /// <summary>Whether entries must agree with the majority's sign (dare_ties) or are summed (dare_linear, the default).</summary>
    public bool SignConsensus { get; init; }
}
