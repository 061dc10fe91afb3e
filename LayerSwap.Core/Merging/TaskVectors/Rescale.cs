namespace LayerSwap;

/// <summary>How surviving values are rescaled after sparsification.</summary>
public enum Rescale
{
    /// <summary>No rescaling.</summary>
    None,

    /// <summary>By the ratio of L1 norms before and after, which keeps the sum of magnitudes; <c>rescale: true</c> in recipes.</summary>
    L1,

    /// <summary>By the reciprocal of the density (DARE, Yu et al., arXiv:2311.03099).</summary>
    Density,
}
