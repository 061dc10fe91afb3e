namespace LayerSwap;

/// <summary>What a strategy may decide by: headers only.</summary>
public sealed record TensorContext
{
    /// <summary>The output tensor: its name, dtype and shape.</summary>
    public required TensorInfo Output { get; init; }

    /// <summary>Where it belongs in the model.</summary>
    public required TensorPlace Place { get; init; }

    /// <summary>The names of the sources, in the order they were added; the base is not one of them.</summary>
    public required IReadOnlyList<string> Sources { get; init; }

    /// <summary>The weight of each source for this tensor; 1 where none was given.</summary>
    public required IReadOnlyList<double> Weights { get; init; }

    /// <summary>Whether the merge has a base.</summary>
    public required bool HasBase { get; init; }

    /// <summary>The merge's seed, for strategies with randomness; 0 by default.</summary>
    public long Seed { get; init; }

    /// <summary>The number of sources, the base not counted.</summary>
    public int SourceCount => Sources.Count;
}
