using System.Text;
using System.Text.Json;

namespace LayerSwap.Checkpoints.SafeTensors;

/// <summary>An entry as written: numbers read, nothing of them believed yet.</summary>
internal readonly record struct RawEntry(string Name, DType DType, ulong[] Shape, ulong Begin, ulong End);

/// <summary>The grammar of the header: one object of entries and, perhaps, <c>__metadata__</c>.</summary>
internal sealed class SafeTensorsHeaderParser(byte[] json, SafeTensorsThrow error)
{
    private const string UnsignedPair = "two unsigned whole numbers";

    /// <summary>About the bytes of an entry: room is made once for as many as the header's length, which is bounded, allows.</summary>
    private const int BytesAnEntry = 128;

    private readonly HashSet<string> _names = new(json.Length / BytesAnEntry, StringComparer.Ordinal);
    private readonly List<RawEntry> _entries = new(json.Length / BytesAnEntry);
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);

    public (List<RawEntry> Entries, Dictionary<string, string> Metadata) Parse(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Unexpected(ref reader, "an object is expected.");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            if (reader.ValueSpan.Length > SafeTensorsFormat.LongestName && Encoding.UTF8.GetByteCount(name) is var bytes and > SafeTensorsFormat.LongestName)
            {
                throw error.NameTooLong(bytes);
            }

            if (!_names.Add(name))
            {
                throw error.Duplicate(name, name == SafeTensorsFormat.MetadataKey ? null : name);
            }

            reader.Read();
            if (name == SafeTensorsFormat.MetadataKey)
            {
                ReadMetadata(ref reader);
            }
            else
            {
                _entries.Add(ReadEntry(ref reader, name));
            }
        }

        // Anything but white space after the object makes this read throw.
        reader.Read();
        return (_entries, _metadata);
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            return;
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Unexpected(ref reader, "__metadata__ must be an object of texts, or null.");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
            {
                throw Unexpected(ref reader, $"__metadata__ key {key} must be a text.");
            }

            if (!_metadata.TryAdd(key, reader.GetString()!))
            {
                throw error.Duplicate(key, tensor: null);
            }
        }
    }

    private RawEntry ReadEntry(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw error.Field(name, "its entry", Text(ref reader), "an object with dtype, shape and data_offsets");
        }

        DType? dtype = null;
        ulong[]? shape = null, offsets = null;
        HashSet<string>? others = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            // No text of its own for the three that every entry has: headers hold a million of them.
            string field = reader.ValueTextEquals("dtype"u8) ? "dtype" : reader.ValueTextEquals("shape"u8) ? "shape" : reader.ValueTextEquals("data_offsets"u8) ? "data_offsets" : reader.GetString()!;
            reader.Read();
            bool twice = field switch
            {
                "dtype" => dtype is not null,
                "shape" => shape is not null,
                "data_offsets" => offsets is not null,
                _ => !(others ??= new(StringComparer.Ordinal)).Add(field),
            };
            if (twice)
            {
                throw error.Field(name, "the field " + Printable.Escape(field), "given twice", "once");
            }

            switch (field)
            {
                case "dtype":
                    dtype = ReadDType(ref reader, name);
                    break;
                case "shape":
                    shape = ReadNumbers(ref reader, name, "shape", "a list of unsigned whole numbers");
                    break;
                case "data_offsets":
                    offsets = ReadNumbers(ref reader, name, "data_offsets", UnsignedPair);
                    break;
                default:
                    SkipUnique(ref reader, name);
                    break;
            }
        }

        if (offsets is { Length: not 2 })
        {
            throw error.Field(name, "data_offsets", $"a list of {offsets.Length} numbers", UnsignedPair);
        }

        return new RawEntry(
            name,
            dtype ?? throw error.Field(name, "dtype", "missing", "one of " + Codes()),
            shape ?? throw error.Field(name, "shape", "missing", "a list of unsigned whole numbers"),
            (offsets ?? throw error.Field(name, "data_offsets", "missing", UnsignedPair))[0],
            offsets[1]);
    }

    /// <summary>Passes over a value of no interest, in which no key may stand twice either. The reader's depth bounds the recursion.</summary>
    private void SkipUnique(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType == JsonTokenType.StartArray)
        {
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                SkipUnique(ref reader, name);
            }
        }
        else if (reader.TokenType == JsonTokenType.StartObject)
        {
            HashSet<string> keys = new(StringComparer.Ordinal);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string key = reader.GetString()!;
                if (!keys.Add(key))
                {
                    throw error.Field(name, "the field " + Printable.Escape(key), "given twice", "once");
                }

                reader.Read();
                SkipUnique(ref reader, name);
            }
        }
    }

    private DType ReadDType(ref Utf8JsonReader reader, string name) =>
        reader.TokenType == JsonTokenType.String && (DTypes.TryParse(reader.ValueSpan, out DType dtype) || DTypes.TryParse(reader.GetString()!, out dtype))
            ? dtype
            : throw error.Field(name, "dtype", Text(ref reader), "one of " + Codes());

    private ulong[] ReadNumbers(ref Utf8JsonReader reader, string name, string field, string expected)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw error.Field(name, field, Text(ref reader), expected);
        }

        Span<ulong> numbers = stackalloc ulong[SafeTensorsFormat.HighestRank];
        int count = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            // "-0" would parse as the unsigned number 0: the sign itself is refused.
            if (reader.TokenType != JsonTokenType.Number || reader.ValueSpan[0] == (byte)'-' || !reader.TryGetUInt64(out ulong number))
            {
                throw error.Field(name, field, "a list with " + Text(ref reader), expected);
            }

            if (count == SafeTensorsFormat.HighestRank)
            {
                string limit = field == "shape" ? $"at most {SafeTensorsFormat.HighestRank} (a limit of LayerSwap's own)" : expected;
                throw error.Field(name, field, $"a list of more than {SafeTensorsFormat.HighestRank} numbers", limit);
            }

            numbers[count++] = number;
        }

        return numbers[..count].ToArray();
    }

    private static string Codes() => string.Join(", ", DTypes.All.Select(d => d.Code()));

    /// <summary>An error at the token that was read last, with its line and column.</summary>
    public CheckpointException Unexpected(ref Utf8JsonReader reader, string reason, Exception? inner = null)
    {
        ReadOnlySpan<byte> before = json.AsSpan(0, (int)reader.TokenStartIndex);
        return error.NotJson(before.Count((byte)'\n') + 1, before.Length - before.LastIndexOf((byte)'\n'), reason, inner);
    }

    private static string Text(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.StartArray => "a list",
        JsonTokenType.StartObject => "an object",
        JsonTokenType.String => "\"" + reader.GetString() + "\"",
        _ => Encoding.UTF8.GetString(reader.ValueSpan),
    };
}
