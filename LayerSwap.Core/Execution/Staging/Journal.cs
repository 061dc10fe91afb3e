using System.IO.Hashing;
using System.Globalization;
using System.Text;
using System.Text.Json;
using LayerSwap.IO;
using LayerSwap.Numerics;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Execution;

/// <summary>What a journal says of the run that wrote it.</summary>
/// <param name="Files">The names of the files that the run makes in the model's folder.</param>
/// <param name="PublishedInode">The inode of the model's folder, once it was about to get the target's name; null before.</param>
internal sealed record JournalHead(IReadOnlyList<string> Files, ulong? PublishedInode);

/// <summary>
/// What a run has done, a line for each finished tensor, so that another can go on. Every line begins with its own checksum: of a line that a killed process left half written nothing is
/// believed. What is believed is still only a claim: the tensor is read again before it counts.
/// </summary>
internal sealed class Journal : IDisposable
{
    private const string Begin = "begin", Tensor = "tensor", Publishing = "publishing";
    private const int Piece = 1 << 16, LongestLine = 1 << 26;

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

    /// <summary>The checksums of the tensors that are said to be finished, and what was found out in working them, by their place in the plan.</summary>
    public IReadOnlyDictionary<int, TensorResult> Done => _done;

    /// <summary>Begins a journal. It is on the device before anything that it speaks of is made.</summary>
    /// <param name="files">The file system.</param>
    /// <param name="path">Where; nothing must be there.</param>
    /// <param name="identity">What the run depends on.</param>
    /// <param name="overwrite">Whether an output may be replaced.</param>
    /// <param name="made">The names of the files that the run will make.</param>
    /// <param name="durable">Whether to sync.</param>
    public static Journal Start(IFileOperations files, string path, IReadOnlyList<Fact> identity, bool overwrite, IReadOnlyList<string> made, bool durable)
    {
        Journal journal = new(files, files.Create(path, 0));
        try
        {
            journal.Append($"{Begin} {Text(identity, overwrite, made)}");
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

    /// <summary>Reads what a journal says of a leftover, without taking it up.</summary>
    /// <returns>Null if there is no journal, or no whole first line.</returns>
    public static JournalHead? ReadHead(string path)
    {
        if (FileStatus.OfEntry(path) is not { Kind: FileKind.File, Links: 1, Identity.Length: > 0 })
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
            using JsonDocument begun = JsonDocument.Parse(lines[0][(Begin.Length + 1)..]);
            string? published = lines.LastOrDefault(l => l.StartsWith(Publishing + " ", StringComparison.Ordinal))?[(Publishing.Length + 1)..];
            return new JournalHead([.. begun.RootElement.GetProperty("files").EnumerateArray().Select(f => f.GetString()!)], published is null ? null : ulong.Parse(published, CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or OverflowException)
        {
            // Written by another version: nothing is known of what it made.
            return null;
        }
    }

    /// <summary>Takes up what a run has left.</summary>
    /// <returns>Null where there is no whole first line: nothing was done.</returns>
    /// <exception cref="OutputException">It was another run: what differs is named.</exception>
    public static Journal? Continue(IFileOperations files, string path, string output, IReadOnlyList<Fact> identity, out bool overwrote)
    {
        overwrote = false;
        SafeFileHandle handle = files.Open(path);
        try
        {
            string[] lines = [.. Lines(files, handle, out long end)];
            if (lines.Length == 0 || !lines[0].StartsWith(Begin + " ", StringComparison.Ordinal))
            {
                handle.Dispose();
                return null;
            }

            using JsonDocument begun = JsonDocument.Parse(lines[0][(Begin.Length + 1)..]);
            RequireSame(output, begun.RootElement.GetProperty("facts"), identity);
            overwrote = begun.RootElement.GetProperty("overwrite").GetBoolean();
            Journal journal = new(files, handle) { _end = end };
            foreach (string[] words in lines.Skip(1).Select(l => l.Split(' ')).Where(w => w.Length == 4 && w[0] == Tensor))
            {
                journal._done[int.Parse(words[1], CultureInfo.InvariantCulture)] =
                    new TensorResult(ulong.Parse(words[2], NumberStyles.HexNumber, CultureInfo.InvariantCulture), Encoding.UTF8.GetString(Convert.FromBase64String(words[3])));
            }

            return journal;
        }
        catch (Exception e)
        {
            handle.Dispose();
            if (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or OverflowException or ArgumentException or IndexOutOfRangeException)
            {
                throw new OutputException(output, $"{Printable.Escape(path)} was not written by this version: {Printable.Escape(e.Message)} "
                    + "Remedy: remove what was left there (layerswap clean) and start anew.");
            }

            throw;
        }
    }

    public void Finished(int tensor, ulong checksum, string detail)
    {
        Append($"{Tensor} {tensor.ToString(CultureInfo.InvariantCulture)} {TensorChecksum.Text(checksum)} {Convert.ToBase64String(Encoding.UTF8.GetBytes(detail))}");
        lock (_gate)
        {
            _done[tensor] = new TensorResult(checksum, detail);
        }
    }

    /// <summary>Writes down that the model is about to get the target's name.</summary>
    /// <param name="inode">The inode of the model's folder: whether the target has it tells later whether it did.</param>
    /// <param name="durable">Whether to sync.</param>
    public void Publish(ulong inode, bool durable)
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
        byte[] text = Encoding.UTF8.GetBytes($"{TensorChecksum.Text(XxHash64.HashToUInt64(Encoding.UTF8.GetBytes(line)))} {line}\n");
        lock (_gate)
        {
            _files.Write(_handle, text, _end);
            _end += text.Length;
        }
    }

    /// <summary>The lines up to the first that is not whole, read a piece at a time: a file may announce more than it holds.</summary>
    private static List<string> Lines(IFileOperations files, SafeFileHandle handle, out long end)
    {
        List<string> lines = [];
        end = 0;
        long length = RandomAccess.GetLength(handle);
        byte[] bytes = new byte[Piece];
        int held = 0;
        for (long at = 0; at < length;)
        {
            int count = (int)Math.Min(bytes.Length - held, length - at);
            if (!files.TryRead(handle, bytes.AsSpan(held, count), at))
            {
                return lines;
            }

            (at, held) = (at + count, held + count);
            int start = 0;
            for (int newline; (newline = bytes.AsSpan(start, held - start).IndexOf((byte)'\n')) >= 0; start += newline + 1)
            {
                ReadOnlySpan<byte> line = bytes.AsSpan(start, newline);
                if (line.Length < 17 || Encoding.ASCII.GetString(line[..16]) != TensorChecksum.Text(XxHash64.HashToUInt64(line[17..])))
                {
                    return lines;
                }

                lines.Add(Encoding.UTF8.GetString(line[17..]));
                end += newline + 1;
            }

            bytes.AsSpan(start, held - start).CopyTo(bytes);
            held -= start;
            if (held == bytes.Length)
            {
                if (bytes.Length >= LongestLine)
                {
                    return lines;
                }

                Array.Resize(ref bytes, bytes.Length * 2);
            }
        }

        return lines;
    }

    private static string Text(IReadOnlyList<Fact> identity, bool overwrite, IReadOnlyList<string> made)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream))
        {
            json.WriteStartObject();
            json.WriteBoolean("overwrite", overwrite);
            json.WriteStartArray("facts");
            foreach ((string name, string value) in identity)
            {
                json.WriteStartArray();
                json.WriteStringValue(name);
                json.WriteStringValue(value);
                json.WriteEndArray();
            }

            json.WriteEndArray();
            json.WriteStartArray("files");
            foreach (string name in made)
            {
                json.WriteStringValue(name);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static void RequireSame(string output, JsonElement begun, IReadOnlyList<Fact> identity)
    {
        if (MergeFingerprint.Differences(begun.EnumerateArray().Select(f => new Fact(f[0].GetString()!, f[1].GetString()!)), identity) is { } differences)
        {
            throw new OutputException(output, $"What was begun at {Printable.Escape(output)} was another merge: {differences}. "
                + "Remedy: repeat the command as it was, or remove what it left (layerswap clean) and start anew.");
        }
    }
}
