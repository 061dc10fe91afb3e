using LayerSwap.IO;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap;

/// <summary>A file of a checkpoint, with its identity.</summary>
public sealed record CheckpointFile
{
    /// <summary>The path as opened.</summary>
    public required string Path { get; init; }

    /// <summary>The size in bytes.</summary>
    public required long Length { get; init; }

    /// <summary>The SHA-256 of the header (length prefix included), lower-case hexadecimal.</summary>
    public required string HeaderHash { get; init; }

    /// <summary>The identity of the file when it was opened; null if unknown.</summary>
    internal FileIdentity? Identity { get; init; }

    /// <summary>Describes an open file.</summary>
    internal static CheckpointFile Of(string path, SafeFileHandle handle, string headerHash) => new()
    {
        Path = path,
        Length = RandomAccess.GetLength(handle),
        HeaderHash = headerHash,
        Identity = FileIdentity.Of(handle),
    };
}
