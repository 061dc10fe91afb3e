namespace LayerSwap.Checkpoints.SafeTensors;

/// <summary>A validated header: where in the file each tensor lies.</summary>
internal sealed record SafeTensorsHeader
{
    /// <summary>In the order of the header.</summary>
    public required TensorInfo[] Tensors { get; init; }

    /// <summary>Where each begins, counted from the start of the data.</summary>
    public required long[] Begins { get; init; }

    /// <summary>The number of each by its name.</summary>
    public required Dictionary<string, int> Index { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    /// <summary>Where the data starts in the file.</summary>
    public required long DataStart { get; init; }

    /// <summary>SHA-256 of the length prefix and the JSON, lower-case hexadecimal.</summary>
    public required string Hash { get; init; }
}
