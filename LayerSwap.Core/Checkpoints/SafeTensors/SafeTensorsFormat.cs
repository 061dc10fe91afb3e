namespace LayerSwap.Checkpoints.SafeTensors;

/// <summary>The constants of the format: <c>u64 LE n</c>, n bytes of JSON, data. The rules are in docs/formats.md.</summary>
internal static class SafeTensorsFormat
{
    public const string Extension = ".safetensors";
    public const string SingleFile = "model.safetensors";
    public const string MetadataKey = "__metadata__";
    public const int PrefixLength = 8;
    public const long LongestHeader = 100_000_000;
    public const int Deepest = 8;

    /// <summary>Stricter than the reference, which has no limit: a rank that no tensor engine could hold.</summary>
    public const int HighestRank = 64;

    /// <summary>Stricter than the reference, which has no limit.</summary>
    public const int LongestName = 64 * 1024;

    /// <summary>The bytes of JSON that the metadata may have. Stricter than the reference, which has no limit but the header's: in memory texts take several times as much.</summary>
    public const long LongestMetadata = 16 * 1024 * 1024;
}
