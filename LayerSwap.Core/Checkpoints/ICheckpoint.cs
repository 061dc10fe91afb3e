namespace LayerSwap;

/// <summary>
/// Named tensors that can be read a block at a time: a file, a view of other checkpoints, or a merge that is computed when it is read.
/// Thread-safe. Disposing closes only the files that the checkpoint opened itself.
/// </summary>
public interface ICheckpoint : IDisposable
{
    /// <summary>The name in plans, errors and manifests: the path as given, or a chosen name.</summary>
    string Name { get; }

    /// <summary>All tensors, sorted by unique name. Numbers in names sort as numbers (layer 2 before layer 10).</summary>
    IReadOnlyList<TensorInfo> Tensors { get; }

    /// <summary>The metadata of the files; empty if there is none.</summary>
    IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The folder with config.json and the tokenizer files, or null.</summary>
    string? Folder => null;

    /// <summary>The files of the checkpoint; empty if it is not read from files.</summary>
    IReadOnlyList<CheckpointFile> Files => [];

    /// <summary>Notes on the files, as sentences: the dictionary chosen, entries left out, differences from an index.</summary>
    IReadOnlyList<string> Warnings => [];

    /// <summary>The path of the file that contains a tensor, or null if no file does.</summary>
    /// <param name="name">The name of a tensor of this checkpoint.</param>
    string? FileOf(string name) => null;

    /// <summary>
    /// The dtype that a merge writes by default. It is narrower than the tensor's where a view computes float32 values of narrower weights,
    /// such as a base with an adapter: a merge then rounds once.
    /// </summary>
    /// <param name="name">The name of a tensor of this checkpoint.</param>
    DType DefaultDType(string name) => Find(name)!.DType;

    /// <summary>Finds a tensor by name.</summary>
    /// <returns>The tensor, or null if there is none of that name.</returns>
    TensorInfo? Find(string name);

    /// <summary>Copies the bytes <c>[offset, offset + destination.Length)</c> of a tensor, little-endian and row-major.</summary>
    /// <param name="name">The name of a tensor of this checkpoint.</param>
    /// <param name="offset">The offset of the first byte within the tensor.</param>
    /// <param name="destination">Filled completely.</param>
    /// <exception cref="ArgumentException">There is no such tensor, or the range exceeds it.</exception>
    /// <exception cref="InputChangedException">The file is shorter than when it was opened.</exception>
    /// <exception cref="IOException">The file could not be read.</exception>
    void Read(string name, long offset, Span<byte> destination);
}
