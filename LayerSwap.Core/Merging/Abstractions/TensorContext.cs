namespace LayerSwap;

/// <summary>The facts that a strategy decides by, from headers only.</summary>
public sealed record TensorContext
{
    /// <summary>The output tensor: its name, dtype and shape.</summary>
    public required TensorInfo Output { get; init; }

    /// <summary>The place of the tensor in the model.</summary>
    public required TensorPlace Place { get; init; }

    /// <summary>The names of the sources, in the order in which they were added; without the base.</summary>
    public required IReadOnlyList<string> Sources { get; init; }

    /// <summary>The weight of each source for this tensor; 1 by default.</summary>
    public required IReadOnlyList<double> Weights { get; init; }

    /// <summary>Whether the merge has a base.</summary>
    public required bool HasBase { get; init; }

    /// <summary>The seed of the merge, for strategies with randomness; 0 by default.</summary>
    public long Seed { get; init; }

    /// <summary>The number of sources, without the base.</summary>
    public int SourceCount => Sources.Count;
}
