using System.Globalization;
using System.IO.Hashing;
using System.Text.Json;
using LayerSwap.Checkpoints;
using LayerSwap.IO;

namespace LayerSwap.Execution;

/// <summary>A manifest as read: the files of an output and their checksums.</summary>
internal sealed class Manifest
{
    private const long MaxLength = 1_000_000_000;
    private const int BufferLength = 1 << 18;

    /// <summary>The bytes of the manifest.</summary>
    public required byte[] Bytes { get; init; }

    /// <summary>The weight files, with the checksums of their headers.</summary>
    public required IReadOnlyList<ManifestFile> WeightFiles { get; init; }

    /// <summary>The other files, without the manifest.</summary>
    public required IReadOnlyList<ManifestFile> OtherFiles { get; init; }

    /// <summary>All files but the manifest.</summary>
    public IEnumerable<ManifestFile> Files => WeightFiles.Concat(OtherFiles);

    /// <summary>The checksum of each tensor.</summary>
    public required IReadOnlyDictionary<string, ulong> Tensors { get; init; }

    /// <summary>A remark on how each tensor was computed.</summary>
    public required IReadOnlyDictionary<string, string> Details { get; init; }

    /// <summary>The facts that a part depends on; null for a whole output.</summary>
    public required IReadOnlyList<Fact>? Facts { get; init; }

    /// <summary>Reads the manifest of a folder.</summary>
    /// <returns>Null if the folder has no manifest.</returns>
    /// <exception cref="CheckpointException">The manifest is damaged, or of another version.</exception>
    public static Manifest? TryRead(string folder)
    {
        string path = Path.Combine(folder, ManifestWriter.FileName);
        if (FileStatus.ReadEntry(path) is null)
        {
            return null;
        }

        // The checksum is checked with a small buffer before the file is read into memory: a sparse file may be long.
        if (!IsIntact(path))
        {
            throw new CheckpointException(path, null, $"{Printable.Escape(path)} is not a manifest of LayerSwap, or is damaged: "
                + "its own checksum is wrong or missing. Remedy: merge again.");
        }

        byte[] bytes = InputFile.ReadAll(path, MaxLength);
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes);
            JsonElement root = document.RootElement;
            if (root.GetProperty("checksum").GetString() != ManifestWriter.Algorithm)
            {
                throw new CheckpointException(path, null, $"{Printable.Escape(path)} has checksums of a kind that this version does not "
                    + "know. Remedy: verify with the version that wrote it.");
            }

            JsonElement[] files = [.. root.GetProperty("files").EnumerateArray()];
            return new Manifest
            {
                Bytes = bytes,
                WeightFiles = [.. files.Where(f => f.TryGetProperty("headerSha256", out _)).Select(f => FileOf(f, "headerSha256"))],
                OtherFiles = [.. files.Where(f => !f.TryGetProperty("headerSha256", out _)).Select(f => FileOf(f, "xxh64"))],
                Tensors = root.GetProperty("tensors").EnumerateArray().ToDictionary(
                    t => Text(t, "name"),
                    t => ulong.Parse(Text(t, "xxh64"), NumberStyles.HexNumber, CultureInfo.InvariantCulture),
                    StringComparer.Ordinal),
                Details = root.GetProperty("tensors").EnumerateArray().ToDictionary(
                    t => Text(t, "name"),
                    t => Text(t, "detail"),
                    StringComparer.Ordinal),
                Facts = root.TryGetProperty(Fact.Property, out JsonElement facts) ? [.. Fact.ReadAll(facts)] : null,
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException
            or OverflowException or ArgumentException or IndexOutOfRangeException)
        {
            string message = $"{Printable.Escape(path)} is not a manifest of LayerSwap, or is damaged: {Printable.Escape(e.Message)} "
                + "Remedy: merge again.";
            throw new CheckpointException(path, null, message, e);
        }
    }

    private static bool IsIntact(string path)
    {
        using Microsoft.Win32.SafeHandles.SafeFileHandle file = InputFile.Open(path);
        long hashed = RandomAccess.GetLength(file) - ManifestWriter.TrailerLength;
        byte[] buffer = new byte[Math.Clamp(hashed, 0, BufferLength)];
        byte[] found = new byte[ManifestWriter.TrailerLength];
        XxHash64 hash = new();
        for (long offset = 0; offset < hashed; offset += buffer.Length)
        {
            Span<byte> bytes = buffer.AsSpan(0, (int)Math.Min(buffer.Length, hashed - offset));
            if (!PositionalRead.TryFill(file, bytes, offset))
            {
                return false;
            }

            hash.Append(bytes);
        }

        return hashed > 0
            && PositionalRead.TryFill(file, found, hashed)
            && found.AsSpan().SequenceEqual(ManifestWriter.MakeTrailer(hash.GetCurrentHashAsUInt64()));
    }

    /// <summary>Reads a file entry. A name that leads out of the folder makes the manifest invalid.</summary>
    private static ManifestFile FileOf(JsonElement file, string checksum)
    {
        string name = Text(file, "name");
        return IsInFolder(name)
            ? new(name, file.GetProperty("bytes").GetInt64(), Text(file, checksum))
            : throw new FormatException($"{name} is not the name of a file in the folder.");
    }

    private static bool IsInFolder(string name) =>
        name.Length > 0
        && !(OperatingSystem.IsWindows() && name.Contains('\\', StringComparison.Ordinal))
        && name.Split('/').All(n => n is not ("" or "." or ".."));

    private static string Text(JsonElement element, string name) =>
        element.GetProperty(name).GetString() ?? throw new FormatException($"{name} is null.");
}
