namespace LayerSwap.Checkpoints.SafeTensors;

/// <summary>A validated header: where in the file each tensor lies.</summary>
internal sealed record SafeTensorsHeader
{
    public required IReadOnlyList<SafeTensorsEntry> Entries { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    /// <summary>Where the data starts in the file.</summary>
    public required long DataStart { get; init; }

    /// <summary>SHA-256 of the length prefix and the JSON, lower-case hexadecimal.</summary>
    public required string Hash { get; init; }
}

/// <summary>A tensor and its place: <see cref="Begin"/> counts from the start of the data.</summary>
internal sealed record SafeTensorsEntry(TensorInfo Tensor, long Begin);
