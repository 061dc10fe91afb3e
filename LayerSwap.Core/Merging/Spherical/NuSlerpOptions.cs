namespace LayerSwap;

/// <summary>Parameters of nuslerp.</summary>
public sealed record NuSlerpOptions
{
    /// <summary>Whether a tensor is one vector; true by default.</summary>
    public bool Flatten { get; init; } = true;

    /// <summary>Without <see cref="Flatten"/>: vectors along the first axis (true), or along the last (false, the default). The name is that of recipes.</summary>
    public bool RowWise { get; init; }
}
