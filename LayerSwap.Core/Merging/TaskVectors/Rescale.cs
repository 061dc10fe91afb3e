namespace LayerSwap;

/// <summary>How surviving values are rescaled after sparsification.</summary>
public enum Rescale
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>By the ratio of L1 norms, so that the sum of magnitudes stays. The meaning of <c>rescale: true</c> in recipes.</summary>
    L1,

    /// <summary>By one over the density (DARE, Yu et al., arXiv:2311.03099).</summary>
    Density,
}
