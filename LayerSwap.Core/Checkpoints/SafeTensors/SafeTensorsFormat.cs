namespace LayerSwap.Checkpoints.SafeTensors;

/// <summary>Constants of the format: <c>u64 LE n</c>, n bytes of JSON, data. The rules are in docs/formats.md.</summary>
internal static class SafeTensorsFormat
{
    public const string Extension = ".safetensors";
    public const string SingleFile = "model.safetensors";
    public const string MetadataKey = "__metadata__";
    public const int PrefixLength = 8;
    public const long MaxHeaderLength = 100_000_000;
    public const int MaxJsonDepth = 8;

    /// <summary>Stricter than the reference, which has no limit: no tensor library supports a higher rank.</summary>
    public const int MaxRank = 64;

    /// <summary>In bytes of UTF-8. Stricter than the reference, which has no limit.</summary>
    public const int MaxNameLength = 64 * 1024;

    /// <summary>In bytes of JSON. Stricter than the reference: strings take several times as much memory as their JSON.</summary>
    public const long MaxMetadataLength = 16 * 1024 * 1024;

    /// <summary>Whether a file begins as one of a format with its own magic number, or as a safetensors header.</summary>
    /// <param name="head">The first bytes.</param>
    public static bool IsOther(ReadOnlySpan<byte> head) =>
        head.StartsWith("GGUF"u8) || head.StartsWith("<"u8) || head.StartsWith("version"u8)
        || (head.Length > PrefixLength && head[PrefixLength] == (byte)'{');
}
