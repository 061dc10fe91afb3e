namespace LayerSwap;

/// <summary>How what a sparsified change lost is made up for.</summary>
public enum Rescale
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>Kept values are multiplied so that the sum of magnitudes is what it was. What recipes mean by <c>rescale: true</c>.</summary>
    L1,

    /// <summary>Kept values are divided by the density (DARE, Yu et al., arXiv:2311.03099).</summary>
    Density,
}
