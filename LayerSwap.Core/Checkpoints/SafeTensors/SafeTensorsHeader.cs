namespace LayerSwap.Checkpoints.SafeTensors;

/// <summary>A validated header: the tensors, their data offsets, and the metadata.</summary>
internal sealed record SafeTensorsHeader
{
    /// <summary>The tensors in header order.</summary>
    public required TensorInfo[] Tensors { get; init; }

    /// <summary>The offset of each tensor in bytes, relative to <see cref="DataStart"/>.</summary>
    public required long[] Offsets { get; init; }

    /// <summary>Tensor name to index in <see cref="Tensors"/>.</summary>
    public required Dictionary<string, int> Index { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    /// <summary>The file offset of the first data byte.</summary>
    public required long DataStart { get; init; }

    /// <summary>SHA-256 of the length prefix and the JSON, lower-case hexadecimal.</summary>
    public required string Hash { get; init; }
}
