using System.Globalization;
using System.Text;
using System.Text.Json;
using LayerSwap.Files;
using LayerSwap.Numerics;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Execution;

/// <summary>
/// What a run has done, a line for each finished tensor, so that another can go on. Every line begins with its own checksum: of a line that a killed process left half written nothing is
/// believed. What is believed is still only a claim: the tensor is read again before it counts.
/// </summary>
internal sealed class Journal : IDisposable
{
    private const string Begin = "begin", Tensor = "tensor", Publishing = "publishing";
    private const long Longest = 1_000_000_000;

    private readonly IFileOperations _files;
    private readonly SafeFileHandle _handle;
    private readonly Lock _gate = new();
    private readonly Dictionary<int, MadeTensor> _done = [];
    private long _end;

    private Journal(IFileOperations files, SafeFileHandle handle)
    {
        _files = files;
        _handle = handle;
    }

    /// <summary>The checksums of the tensors that are said to be finished, and what was found out in working them, by their place in the plan.</summary>
    public IReadOnlyDictionary<int, MadeTensor> Done => _done;

    public static Journal Start(IFileOperations files, string path, IReadOnlyList<RunFact> identity, bool overwrite)
    {
        Journal journal = new(files, files.Create(path, 0));
        try
        {
            journal.Append($"{Begin} {Text(identity, overwrite)}");
            return journal;
        }
        catch
        {
            journal.Dispose();
            throw;
        }
    }

    /// <summary>Takes up what a run has left.</summary>
    /// <returns>Null where there is no whole first line: nothing was done.</returns>
    /// <exception cref="OutputException">It was another run: what differs is named.</exception>
    public static Journal? Continue(IFileOperations files, string path, string output, IReadOnlyList<RunFact> identity, out bool overwrote)
    {
        overwrote = false;
        if (!File.Exists(path))
        {
            return null;
        }

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
                    new MadeTensor(ulong.Parse(words[2], NumberStyles.HexNumber, CultureInfo.InvariantCulture), Encoding.UTF8.GetString(Convert.FromBase64String(words[3])));
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
            _done[tensor] = new MadeTensor(checksum, detail);
        }
    }

    public void Publish() => Append(Publishing);

    public void Dispose() => _handle.Dispose();

    private void Append(string line)
    {
        byte[] text = Encoding.UTF8.GetBytes($"{TensorChecksum.Text(XxHash64.Of(Encoding.UTF8.GetBytes(line)))} {line}\n");
        lock (_gate)
        {
            _files.Write(_handle, text, _end);
            _end += text.Length;
        }
    }

    private static string[] Lines(IFileOperations files, SafeFileHandle handle, out long end)
    {
        byte[] bytes = new byte[Math.Min(RandomAccess.GetLength(handle), Longest)];
        end = 0;
        if (!files.TryRead(handle, bytes, 0))
        {
            return [];
        }

        List<string> lines = [];
        for (int start = 0, newline; (newline = bytes.AsSpan(start).IndexOf((byte)'\n')) >= 0; start += newline + 1)
        {
            ReadOnlySpan<byte> line = bytes.AsSpan(start, newline);
            if (line.Length < 17 || Encoding.ASCII.GetString(line[..16]) != TensorChecksum.Text(XxHash64.Of(line[17..])))
            {
                break;
            }

            lines.Add(Encoding.UTF8.GetString(line[17..]));
            end = start + newline + 1;
        }

        return [.. lines];
    }

    private static string Text(IReadOnlyList<RunFact> identity, bool overwrite)
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
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static void RequireSame(string output, JsonElement begun, IReadOnlyList<RunFact> identity)
    {
        if (RunIdentity.Differences(begun.EnumerateArray().Select(f => new RunFact(f[0].GetString()!, f[1].GetString()!)), identity) is { } differences)
        {
            throw new OutputException(output, $"What was begun at {Printable.Escape(output)} was another merge: {differences}. "
                + "Remedy: repeat the command as it was, or remove what it left (layerswap clean) and start anew.");
        }
    }
}
