namespace LayerSwap;

/// <summary>What verifying a checkpoint found.</summary>
public sealed partial record VerifyReport
{
    /// <summary>The path as given.</summary>
    public required string Path { get; init; }

    /// <summary>Whether nothing is wrong.</summary>
    public bool Ok => Problems.Count == 0;

    /// <summary>The number of weight files.</summary>
    public required int Files { get; init; }

    /// <summary>The number of tensors.</summary>
    public required int Tensors { get; init; }

    /// <summary>The size of the weight files in bytes.</summary>
    public required long Bytes { get; init; }

    /// <summary>Whether there was a record with checksums to hold the data against.</summary>
    public required bool HasRecord { get; init; }

    /// <summary>Everything that is wrong; empty where nothing is.</summary>
    public required IReadOnlyList<VerifyProblem> Problems { get; init; }

    /// <summary>
    /// Names of files and folders beside the model that the record does not list: nothing vouches for them. Those that a program may read when it loads the model are problems too. Empty if
    /// there is no record.
    /// </summary>
    public IReadOnlyList<string> Unrecorded { get; init; } = [];

    /// <summary>A line for people, and one for each problem.</summary>
    public override string ToString() => string.Join('\n', Problems.Select(p => p.Message).Prepend(
        $"{Printable.Escape(Path)}: {(Ok ? "ok" : $"{Problems.Count} problem(s)")}, {Files} file(s), {Tensors} tensors, {ByteSize.Format(Bytes)}"
        + (HasRecord ? ", checksums compared with layerswap.json" : ", no layerswap.json to compare with")
        + (Unrecorded.Count == 0 ? "" : $"; not in it: {Printable.List(Unrecorded, 5)}")));
}

/// <summary>One thing that is wrong with a checkpoint.</summary>
public sealed record VerifyProblem
{
    /// <summary>The file concerned.</summary>
    public required string File { get; init; }

    /// <summary>The tensor concerned, or null.</summary>
    public string? Tensor { get; init; }

    /// <summary>What was found, what was expected, what to do.</summary>
    public required string Message { get; init; }
}
