namespace LayerSwap;

/// <summary>Parameters of TIES (Yadav et al., arXiv:2306.01708).</summary>
public sealed record TiesOptions
{
    /// <summary>The share of each change that is kept, the largest magnitudes, by tensor: 0 to 1; 1 by default.</summary>
    public PerSource Density { get; init; } = 1.0;

    /// <summary>The scale of the merged change; 1 by default. Any finite number.</summary>
    public Schedule Lambda { get; init; } = 1;

    /// <summary>Whether agreeing entries are divided by the sum of their weights; true by default.</summary>
    public bool Normalize { get; init; } = true;

    /// <summary>How what was dropped is made up for; not at all by default.</summary>
    public Rescale Rescale { get; init; } = Rescale.None;
}
