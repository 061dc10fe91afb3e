namespace LayerSwap;

/// <summary>The result of verifying a checkpoint.</summary>
public sealed partial record VerifyReport
{
    /// <summary>The path, as given by the caller.</summary>
    public required string Path { get; init; }

    /// <summary>Whether there are no problems.</summary>
    public bool Ok => Problems.Count == 0;

    /// <summary>The number of weight files.</summary>
    public required int Files { get; init; }

    /// <summary>The number of tensors.</summary>
    public required int Tensors { get; init; }

    /// <summary>The size of the weight files in bytes.</summary>
    public required long Bytes { get; init; }

    /// <summary>Whether the folder has a manifest, <c>layerswap.json</c>, with checksums to compare.</summary>
    public required bool HasRecord { get; init; }

    /// <summary>All problems that were found.</summary>
    public required IReadOnlyList<VerifyProblem> Problems { get; init; }

    /// <summary>
    /// The names of files and folders that the manifest does not list, so that they have no checksum. Those that programs may read when
    /// they load the model are problems too. Empty if there is no manifest.
    /// </summary>
    public IReadOnlyList<string> Unrecorded { get; init; } = [];

    /// <summary>Formats the report as text: a summary line, and a line for each problem.</summary>
    public override string ToString() => string.Join('\n', Problems.Select(p => p.Message).Prepend(
        $"{Printable.Escape(Path)}: {(Ok ? "ok" : $"{Problems.Count} problem(s)")}, "
        + $"{Files} file(s), {Tensors} tensors, {ByteSize.Format(Bytes)}"
        + (HasRecord ? ", checksums compared with layerswap.json" : ", no layerswap.json to compare with")
        + (Unrecorded.Count == 0 ? "" : $"; not in it: {Printable.List(Unrecorded, 5)}")));
}

/// <summary>A problem with a checkpoint.</summary>
public sealed record VerifyProblem
{
    /// <summary>The file that has the problem.</summary>
    public required string File { get; init; }

    /// <summary>The tensor that has the problem; may be null.</summary>
    public string? Tensor { get; init; }

    /// <summary>The message: what was found, what is expected, and the remedy.</summary>
    public required string Message { get; init; }
}
