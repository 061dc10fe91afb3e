namespace LayerSwap;

/// <summary>Parameters of the weighted average.</summary>
public sealed record LinearOptions
{
    /// <summary>The weight of each source; null (the default) for those given when the sources were added, 1 each if none were. Finite.</summary>
    public IReadOnlyList<Schedule>? Weights { get; init; }

    /// <summary>Whether the sum is divided by the sum of the weights; true by default.</summary>
    public bool Normalize { get; init; } = true;
}
