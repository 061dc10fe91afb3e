using System.IO.Hashing;
using System.Globalization;
using System.Text.Json;
using LayerSwap.Checkpoints;
using LayerSwap.IO;
using LayerSwap.Numerics;

namespace LayerSwap.Execution;

/// <summary>Reads back of a record what can be checked: files and checksums.</summary>
internal sealed class Manifest
{
    private const long Longest = 1_000_000_000;

    /// <summary>The record as it is written.</summary>
    public required byte[] Bytes { get; init; }

    /// <summary>The weight files; the checksum is that of the header.</summary>
    public required IReadOnlyList<ManifestFile> Weights { get; init; }

    /// <summary>The other files, without the record itself.</summary>
    public required IReadOnlyList<ManifestFile> Others { get; init; }

    /// <summary>All files but the record itself.</summary>
    public IEnumerable<ManifestFile> Files => Weights.Concat(Others);

    public required IReadOnlyDictionary<string, ulong> Tensors { get; init; }

    /// <summary>What was found out in working each tensor.</summary>
    public required IReadOnlyDictionary<string, string> Details { get; init; }

    /// <summary>What a part depends on; null for a whole output.</summary>
    public required IReadOnlyList<Fact>? Facts { get; init; }

    /// <returns>Null if the folder has no record.</returns>
    /// <exception cref="CheckpointException">The record is damaged, of another version, or no record.</exception>
    public static Manifest? TryRead(string folder)
    {
        string path = Path.Combine(folder, ManifestWriter.FileName);
        if (FileStatus.OfEntry(path) is null)
        {
            return null;
        }

        // Read a piece at a time first: a file may be long and hold nothing.
        if (!IsIntact(path))
        {
            throw new CheckpointException(path, null, $"{Printable.Escape(path)} is not a record of LayerSwap's, or is damaged: its own checksum does not fit, or it has none. Remedy: merge again.");
        }

        byte[] bytes = InputFile.ReadAll(path, Longest);
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes);
            JsonElement root = document.RootElement;
            if (root.GetProperty("checksum").GetString() != ManifestWriter.Algorithm)
            {
                throw new CheckpointException(path, null, $"{Printable.Escape(path)} has checksums of a kind this version does not know. Remedy: verify with the version that wrote it.");
            }

            JsonElement[] files = [.. root.GetProperty("files").EnumerateArray()];
            return new Manifest
            {
                Bytes = bytes,
                Weights = [.. files.Where(f => f.TryGetProperty("headerSha256", out _)).Select(f => FileOf(f, "headerSha256"))],
                Others = [.. files.Where(f => !f.TryGetProperty("headerSha256", out _)).Select(f => FileOf(f, "xxh64"))],
                Tensors = root.GetProperty("tensors").EnumerateArray().ToDictionary(
                    t => Text(t, "name"), t => ulong.Parse(Text(t, "xxh64"), NumberStyles.HexNumber, CultureInfo.InvariantCulture), StringComparer.Ordinal),
                Details = root.GetProperty("tensors").EnumerateArray().ToDictionary(t => Text(t, "name"), t => Text(t, "detail"), StringComparer.Ordinal),
                Facts = root.TryGetProperty("facts", out JsonElement facts) ? [.. facts.EnumerateArray().Select(f => new Fact(f[0].GetString()!, f[1].GetString()!))] : null,
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or OverflowException or ArgumentException or IndexOutOfRangeException)
        {
            throw new CheckpointException(path, null, $"{Printable.Escape(path)} is not a record of LayerSwap's, or is damaged: {Printable.Escape(e.Message)} Remedy: merge again.", e);
        }
    }

    private static bool IsIntact(string path)
    {
        using Microsoft.Win32.SafeHandles.SafeFileHandle file = InputFile.Open(path);
        long hashed = RandomAccess.GetLength(file) - ManifestWriter.SealLength;
        byte[] piece = new byte[Math.Clamp(hashed, 0, 1 << 18)], seal = new byte[ManifestWriter.SealLength];
        XxHash64 hash = new();
        for (long at = 0; at < hashed; at += piece.Length)
        {
            Span<byte> bytes = piece.AsSpan(0, (int)Math.Min(piece.Length, hashed - at));
            if (!PositionalRead.TryFill(file, bytes, at))
            {
                return false;
            }

            hash.Append(bytes);
        }

        return hashed > 0 && PositionalRead.TryFill(file, seal, hashed) && seal.AsSpan().SequenceEqual(ManifestWriter.SealOf(hash.GetCurrentHashAsUInt64()));
    }

    /// <summary>Reads an entry. A name that leads out of the folder makes the record invalid.</summary>
    private static ManifestFile FileOf(JsonElement file, string checksum) => Text(file, "name") is var name && name.Length > 0 && !(OperatingSystem.IsWindows() && name.Contains('\\', StringComparison.Ordinal)) && name.Split('/').All(n => n is not ("" or "." or ".."))
        ? new(name, file.GetProperty("bytes").GetInt64(), Text(file, checksum))
        : throw new FormatException($"{name} is not the name of a file in the folder.");

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString() ?? throw new FormatException($"{name} is null.");
}
