namespace LayerSwap.Benchmarks.Fuzz;

/// <summary>A reader of input that may be hostile.</summary>
internal sealed class FuzzTarget
{
    public required string Name { get; init; }

    /// <summary>Whether a file of this name is a part of the corpus.</summary>
    public required Func<string, bool> Takes { get; init; }

    /// <summary>Inputs of its own, for what no fixture has.</summary>
    public required IReadOnlyList<byte[]> Seeds { get; init; }

    /// <summary>Reads it. A <see cref="LayerSwapException"/> is a proper verdict, as is none; any other is a finding.</summary>
    public required Action<byte[]> Read { get; init; }
}
