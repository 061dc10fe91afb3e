using System.Globalization;
using System.Text.Json;
using LayerSwap.Checkpoints;

namespace LayerSwap.Execution;

/// <summary>Reads back of a record what can be checked: file sizes and tensors' checksums.</summary>
internal sealed class RecordReader
{
    public const long Longest = 1_000_000_000;

    public required IReadOnlyDictionary<string, long> Files { get; init; }

    public required IReadOnlyDictionary<string, ulong> Tensors { get; init; }

    /// <summary>What was found out in working each tensor.</summary>
    public required IReadOnlyDictionary<string, string> Details { get; init; }

    /// <returns>Null where the folder has no record.</returns>
    /// <exception cref="CheckpointException">There is one that cannot be read.</exception>
    public static RecordReader? TryRead(string folder)
    {
        string path = Path.Combine(folder, MergeRecord.FileName);
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(InputFile.ReadAll(path, Longest));
            JsonElement root = document.RootElement;
            if (root.GetProperty("checksum").GetString() != MergeRecord.Algorithm)
            {
                throw new CheckpointException(path, null, $"{Printable.Escape(path)} has checksums of a kind this version does not know. Remedy: verify with the version that wrote it.");
            }

            return new RecordReader
            {
                Files = root.GetProperty("files").EnumerateArray().ToDictionary(f => f.GetProperty("name").GetString()!, f => f.GetProperty("bytes").GetInt64(), StringComparer.Ordinal),
                Tensors = root.GetProperty("tensors").EnumerateArray().ToDictionary(
                    t => t.GetProperty("name").GetString()!, t => ulong.Parse(t.GetProperty("xxh64").GetString()!, NumberStyles.HexNumber, CultureInfo.InvariantCulture), StringComparer.Ordinal),
                Details = root.GetProperty("tensors").EnumerateArray().ToDictionary(t => t.GetProperty("name").GetString()!, t => t.TryGetProperty("detail", out JsonElement d) ? d.GetString() ?? "" : "", StringComparer.Ordinal),
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or OverflowException or ArgumentException)
        {
            throw new CheckpointException(path, null, $"{Printable.Escape(path)} is not a record of LayerSwap's: {Printable.Escape(e.Message)} Remedy: delete it, or merge again.", e);
        }
    }
}
