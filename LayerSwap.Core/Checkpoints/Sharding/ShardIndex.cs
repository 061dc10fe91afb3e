using System.Text.Json;
using LayerSwap.IO;

namespace LayerSwap.Checkpoints.Sharding;

/// <summary>The validated index of a sharded model: tensor name to shard file.</summary>
internal sealed class ShardIndex
{
    public const string FileName = "model.safetensors.index.json";
    private const long MaxFileLength = 200_000_000;
    private const int MaxJsonDepth = 16;

    private ShardIndex(Dictionary<string, string> map, long? totalSize)
    {
        WeightMap = map;
        TotalSize = totalSize;
    }

    /// <summary>Tensor name to shard file name.</summary>
    public IReadOnlyDictionary<string, string> WeightMap { get; }

    /// <summary>The size of the data in bytes as the index states it; informative only.</summary>
    public long? TotalSize { get; }

    public static ShardIndex Read(string path)
    {
        using Microsoft.Win32.SafeHandles.SafeFileHandle handle = InputFile.Open(path);
        long length = RandomAccess.GetLength(handle);
        if (length > MaxFileLength)
        {
            throw Error(path, $"has {length} bytes; an index of at most {MaxFileLength} is accepted.");
        }

        byte[] json = new byte[length];
        if (!PositionalRead.TryFill(handle, json, 0))
        {
            throw Error(path, "became shorter while it was read. Remedy: let nothing write to an input while it is read.");
        }

        try
        {
            return Parse(path, json);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Error(path, $"is not valid JSON: {Printable.Escape(e.Message)} Remedy: fetch or write it again.", e);
        }
    }

    private static ShardIndex Parse(string path, byte[] json)
    {
        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = MaxJsonDepth });
        Dictionary<string, string>? map = null;
        long? totalSize = null;
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Error(path, "contains no JSON object; {\"metadata\": ..., \"weight_map\": ...} is expected.");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            // Do not decode other keys: they need not be valid Unicode.
            bool isMap = reader.ValueTextEquals("weight_map"u8), isMetadata = reader.ValueTextEquals("metadata"u8);
            reader.Read();
            if (isMap)
            {
                map = map is null ? ReadMap(ref reader, path) : throw Error(path, "has weight_map twice; once is expected.");
            }
            else if (isMetadata && reader.TokenType == JsonTokenType.StartObject)
            {
                totalSize = ReadTotalSize(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }

        reader.Read();
        return new ShardIndex(map ?? throw Error(path, "has no weight_map; an object of tensor name to file name is expected."), totalSize);
    }

    private static Dictionary<string, string> ReadMap(ref Utf8JsonReader reader, string path)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Error(path, "has a weight_map that is not an object of tensor name to file name.");
        }

        Dictionary<string, string> map = new(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string tensor = reader.GetString()!;
            reader.Read();
            string? file = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
            if (file is null || !IsPlainFileName(file))
            {
                string found = file is null ? "something that is not a string" : $"\"{Printable.Escape(file)}\"";
                throw new CheckpointException(path, tensor,
                    $"{Printable.Escape(path)}: the weight_map maps tensor {Printable.Escape(tensor)} to {found}; "
                    + "a plain file name in the same folder is expected. Remedy: fetch or write the index again.");
            }

            if (!map.TryAdd(tensor, file))
            {
                throw new CheckpointException(path, tensor,
                    $"{Printable.Escape(path)}: tensor {Printable.Escape(tensor)} occurs twice in the weight_map; once is expected.");
            }
        }

        return map;
    }

    private static long? ReadTotalSize(ref Utf8JsonReader reader)
    {
        long? total = null;
        int depth = reader.CurrentDepth;
        while (reader.Read() && reader.CurrentDepth > depth)
        {
            if (reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == depth + 1 && reader.ValueTextEquals("total_size"))
            {
                reader.Read();
                total = reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out long value) ? value : total;
            }
        }

        return total;
    }

    /// <summary>Whether a name stays within its folder on every operating system.</summary>
    private static bool IsPlainFileName(string file) =>
        file.Length > 0 && file is not ("." or "..") && !file.Any(c => c is '/' or '\\' or ':' || char.IsControl(c));

    private static CheckpointException Error(string path, string message, Exception? inner = null) =>
        new(path, null, $"{Printable.Escape(path)} {message}", inner);
}
