using System.Globalization;
using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using LayerSwap.IO;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Execution;

/// <summary>The header of a journal, and whether its run began to publish.</summary>
/// <param name="Files">The names of the files that the run creates in the model folder.</param>
/// <param name="PublishedInode">The inode of the model folder, written just before its rename to the target; null earlier.</param>
internal sealed record JournalHeader(IReadOnlyList<string> Files, ulong? PublishedInode);

/// <summary>
/// The finished tensors of a run, one line each, so that an interrupted run can be resumed. Every line begins with its checksum; reading
/// ends at the first incomplete line. A listed tensor is read again and checked before it counts as finished.
/// </summary>
internal sealed class Journal : IDisposable
{
    private const string Begin = "begin", Tensor = "tensor", Publishing = "publishing";
    private const int BufferLength = 1 << 16, MaxLineLength = 1 << 26;

    /// <summary>The characters of a checksum, and a space.</summary>
    private const int ChecksumPrefix = 17;

    private readonly IFileOperations _files;
    private readonly SafeFileHandle _handle;
    private readonly Lock _gate = new();
    private readonly Dictionary<int, TensorResult> _done = [];
    private long _end;

    private Journal(IFileOperations files, SafeFileHandle handle)
    {
        _files = files;
        _handle = handle;
    }

    /// <summary>The results of the tensors listed as finished, by their index in the plan.</summary>
    public IReadOnlyDictionary<int, TensorResult> FinishedTensors => _done;

    /// <summary>Creates a journal. It is synced before any file that it lists is created.</summary>
    /// <param name="files">The file system.</param>
    /// <param name="path">The path, where no file may exist.</param>
    /// <param name="facts">The facts that the output depends on.</param>
    /// <param name="overwrite">Whether an existing output may be replaced.</param>
    /// <param name="names">The names of the files that the run will create.</param>
    /// <param name="durable">Whether to sync.</param>
    public static Journal Create(
        IFileOperations files, string path, IReadOnlyList<Fact> facts, bool overwrite, IReadOnlyList<string> names, bool durable)
    {
        Journal journal = new(files, files.Create(path, 0));
        try
        {
            journal.Append($"{Begin} {HeaderText(facts, overwrite, names)}");
            if (durable)
            {
                files.Sync(journal._handle, path);
                files.SyncFolder(Path.GetDirectoryName(path)!);
            }

            return journal;
        }
        catch
        {
            journal.Dispose();
            throw;
        }
    }

    /// <summary>Reads the header of a journal without resuming its run.</summary>
    /// <returns>Null if there is no journal, or its first line is incomplete.</returns>
    public static JournalHeader? ReadHeader(string path)
    {
        if (FileStatus.ReadEntry(path) is not { Kind: FileKind.File, Links: 1, Identity.Length: > 0 })
        {
            return null;
        }

        using SafeFileHandle handle = OperatingSystem.IsLinux() ? Native.OpenToRead(path) : File.OpenHandle(path);
        string[] lines = [.. Lines(SystemFiles.Instance, handle, out _)];
        if (lines.Length == 0 || !lines[0].StartsWith(Begin + " ", StringComparison.Ordinal))
        {
            return null;
        }

        try
        {
            using JsonDocument header = JsonDocument.Parse(lines[0][(Begin.Length + 1)..]);
            string? inode = lines.LastOrDefault(l => l.StartsWith(Publishing + " ", StringComparison.Ordinal))?[(Publishing.Length + 1)..];
            return new JournalHeader(
                [.. header.RootElement.GetProperty("files").EnumerateArray().Select(f => f.GetString()!)],
                inode is null ? null : ulong.Parse(inode, CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException
            or OverflowException)
        {
            // Another version wrote the journal, so its files are not known.
            return null;
        }
    }

    /// <summary>Opens the journal of an interrupted run to resume it.</summary>
    /// <returns>Null if the first line is incomplete: no tensor was finished.</returns>
    /// <exception cref="OutputException">The run was of another merge, or of another version.</exception>
    public static Journal? Resume(
        IFileOperations files, string path, string output, IReadOnlyList<Fact> facts, out bool overwrite)
    {
        overwrite = false;
        SafeFileHandle handle = files.Open(path);
        try
        {
            string[] lines = [.. Lines(files, handle, out long end)];
            if (lines.Length == 0 || !lines[0].StartsWith(Begin + " ", StringComparison.Ordinal))
            {
                handle.Dispose();
                return null;
            }

            using JsonDocument header = JsonDocument.Parse(lines[0][(Begin.Length + 1)..]);
            RequireSame(output, header.RootElement.GetProperty(Fact.Property), facts);
            overwrite = header.RootElement.GetProperty("overwrite").GetBoolean();
            Journal journal = new(files, handle) { _end = end };
            foreach (string[] words in lines.Skip(1).Select(l => l.Split(' ')).Where(w => w.Length == 4 && w[0] == Tensor))
            {
                int tensor = int.Parse(words[1], CultureInfo.InvariantCulture);
                ulong checksum = ulong.Parse(words[2], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                journal._done[tensor] = new TensorResult(checksum, Encoding.UTF8.GetString(Convert.FromBase64String(words[3])));
            }

            return journal;
        }
        catch (Exception e)
        {
            handle.Dispose();
            if (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or OverflowException
                or ArgumentException or IndexOutOfRangeException)
            {
                throw new OutputException(output, $"{Printable.Escape(path)} was not written by this version: "
                    + $"{Printable.Escape(e.Message)} Remedy: delete the partial output (layerswap clean) and start again.");
            }

            throw;
        }
    }

    /// <summary>Adds a finished tensor.</summary>
    /// <param name="tensor">Its index in the plan.</param>
    /// <param name="checksum">The checksum of its bytes.</param>
    /// <param name="detail">A remark on how it was computed.</param>
    public void AddFinished(int tensor, ulong checksum, string detail)
    {
        string encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes(detail));
        Append($"{Tensor} {tensor.ToString(CultureInfo.InvariantCulture)} {TensorChecksum.Format(checksum)} {encoded}");
        lock (_gate)
        {
            _done[tensor] = new TensorResult(checksum, detail);
        }
    }

    /// <summary>Notes that the model folder is about to be renamed to the target.</summary>
    /// <param name="inode">The inode of the model folder: if the target has it later, the rename was done.</param>
    /// <param name="durable">Whether to sync.</param>
    public void AddPublishing(ulong inode, bool durable)
    {
        Append(string.Create(CultureInfo.InvariantCulture, $"{Publishing} {inode}"));
        if (durable)
        {
            _files.Sync(_handle, Publishing);
        }
    }

    public void Dispose() => _handle.Dispose();

    private void Append(string line)
    {
        string checksum = TensorChecksum.Format(XxHash64.HashToUInt64(Encoding.UTF8.GetBytes(line)));
        byte[] bytes = Encoding.UTF8.GetBytes($"{checksum} {line}\n");
        lock (_gate)
        {
            _files.Write(_handle, bytes, _end);
            _end += bytes.Length;
        }
    }

    /// <summary>Reads the lines before the first incomplete one. The buffer grows as needed, since the file may be sparse.</summary>
    private static List<string> Lines(IFileOperations files, SafeFileHandle handle, out long end)
    {
        List<string> lines = [];
        end = 0;
        long length = RandomAccess.GetLength(handle);
        byte[] bytes = new byte[BufferLength];
        int filled = 0;
        for (long offset = 0; offset < length;)
        {
            int count = (int)Math.Min(bytes.Length - filled, length - offset);
            if (!files.TryRead(handle, bytes.AsSpan(filled, count), offset))
            {
                return lines;
            }

            (offset, filled) = (offset + count, filled + count);
            int start = 0;
            for (int newline; (newline = bytes.AsSpan(start, filled - start).IndexOf((byte)'\n')) >= 0; start += newline + 1)
            {
                ReadOnlySpan<byte> line = bytes.AsSpan(start, newline);
                if (!HasChecksum(line))
                {
                    return lines;
                }

                lines.Add(Encoding.UTF8.GetString(line[ChecksumPrefix..]));
                end += newline + 1;
            }

            bytes.AsSpan(start, filled - start).CopyTo(bytes);
            filled -= start;
            if (filled == bytes.Length)
            {
                if (bytes.Length >= MaxLineLength)
                {
                    return lines;
                }

                Array.Resize(ref bytes, bytes.Length * 2);
            }
        }

        return lines;
    }

    private static bool HasChecksum(ReadOnlySpan<byte> line)
    {
        if (line.Length < ChecksumPrefix)
        {
            return false;
        }

        string checksum = TensorChecksum.Format(XxHash64.HashToUInt64(line[ChecksumPrefix..]));
        return Encoding.ASCII.GetString(line[..(ChecksumPrefix - 1)]) == checksum;
    }

    private static string HeaderText(IReadOnlyList<Fact> facts, bool overwrite, IReadOnlyList<string> names)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream))
        {
            json.WriteStartObject();
            json.WriteBoolean("overwrite", overwrite);
            Fact.WriteAll(json, facts);
            json.WriteStartArray("files");
            foreach (string name in names)
            {
                json.WriteStringValue(name);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static void RequireSame(string output, JsonElement recorded, IReadOnlyList<Fact> facts)
    {
        if (MergeFingerprint.DescribeDifferences(Fact.ReadAll(recorded), facts) is { } differences)
        {
            throw new OutputException(output, $"The interrupted run at {Printable.Escape(output)} was another merge: {differences}. "
                + "Remedy: repeat its command, or delete the partial output (layerswap clean) and start again.");
        }
    }
}
