namespace LayerSwap;

/// <summary>
/// Named tensors that can be read a window at a time. Files, views of other checkpoints and merges not yet written all look like this.
/// Safe for many threads at once. Disposing closes what the checkpoint opened itself.
/// </summary>
public interface ICheckpoint : IDisposable
{
    /// <summary>What to call it in plans, errors and records: the path as given, or a name.</summary>
    string Name { get; }

    /// <summary>Every tensor; names are unique; numbers within names sort as numbers (layer 2 before layer 10).</summary>
    IReadOnlyList<TensorInfo> Tensors { get; }

    /// <summary>The text metadata of the file or files; empty where there is none.</summary>
    IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The folder in which config.json and the tokenizer files lie, or null where there is none.</summary>
    string? Folder => null;

    /// <summary>The files read, with what identifies them; empty for a checkpoint that is not made of files.</summary>
    IReadOnlyList<CheckpointFile> Files => [];

    /// <summary>The path of the file that a tensor lies in, or null where it lies in none.</summary>
    /// <param name="name">The name of a tensor of this checkpoint.</param>
    string? FileOf(string name) => null;

    /// <summary>Finds a tensor by name.</summary>
    /// <returns>The tensor, or null where there is none of that name.</returns>
    TensorInfo? Find(string name);

    /// <summary>Copies the bytes <c>[offset, offset + destination.Length)</c> of a tensor: little-endian, row-major.</summary>
    /// <param name="name">The name of a tensor of this checkpoint.</param>
    /// <param name="offset">The first byte, from 0.</param>
    /// <param name="destination">Filled completely.</param>
    /// <exception cref="ArgumentException">There is no such tensor, or the window passes its end.</exception>
    /// <exception cref="InputChangedException">The file has become shorter since it was opened.</exception>
    /// <exception cref="IOException">The file could not be read.</exception>
    void Read(string name, long offset, Span<byte> destination);
}
