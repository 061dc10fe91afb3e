using LayerSwap.IO;

namespace LayerSwap;

/// <summary>One file of a checkpoint and what identifies it.</summary>
public sealed record CheckpointFile
{
    /// <summary>The path as opened.</summary>
    public required string Path { get; init; }

    /// <summary>Its size in bytes.</summary>
    public required long Length { get; init; }

    /// <summary>The SHA-256 of its header (length prefix included), lower-case hexadecimal.</summary>
    public required string HeaderHash { get; init; }

    /// <summary>What it was when it was opened; null where that is not known.</summary>
    internal FileIdentity? Identity { get; init; }
}
