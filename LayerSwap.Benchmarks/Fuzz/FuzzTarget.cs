namespace LayerSwap.Benchmarks.Fuzz;

/// <summary>A reader of untrusted input.</summary>
internal sealed class FuzzTarget
{
    public required string Name { get; init; }

    /// <summary>Tells whether a file name belongs to the corpus.</summary>
    public required Func<string, bool> AcceptsFile { get; init; }

    /// <summary>Further inputs that the fixtures lack.</summary>
    public required IReadOnlyList<byte[]> Seeds { get; init; }

    /// <summary>Reads an input. Any exception except <see cref="LayerSwapException"/> is a finding.</summary>
    public required Action<byte[]> Read { get; init; }
}
