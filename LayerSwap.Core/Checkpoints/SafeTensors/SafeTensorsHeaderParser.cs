using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace LayerSwap.Checkpoints.SafeTensors;

/// <summary>An entry as written: numbers read, nothing of them believed yet.</summary>
internal readonly record struct RawEntry(string Name, DType DType, RawShape Shape, ulong Begin, ulong End);

/// <summary>A shape as written, and as a shape once it has been checked; tensors that have the same share it.</summary>
internal sealed class RawShape(ulong[] extents)
{
    public ulong[] Extents => extents;

    public TensorShape? Checked { get; set; }
}

/// <summary>The grammar of the header: one object of entries and, perhaps, <c>__metadata__</c>.</summary>
internal sealed class SafeTensorsHeaderParser(byte[] json, SafeTensorsThrow error)
{
    private const string UnsignedPair = "two unsigned whole numbers";

    /// <summary>About the least bytes of an entry: room is made once for as many as the header's length, which is bounded, allows.</summary>
    private const int BytesAnEntry = 64;

    /// <summary>Longer values are not shown in messages.</summary>
    private const int LongestShown = 1024;

    private readonly Dictionary<string, int> _index = new(json.Length / BytesAnEntry, StringComparer.Ordinal);
    private readonly RawShape?[] _shapes = new RawShape?[256];
    private bool _hasMetadata;
    private readonly List<RawEntry> _entries = new(json.Length / BytesAnEntry);
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public (List<RawEntry> Entries, Dictionary<string, int> Index, Dictionary<string, string> Metadata) Parse(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Unexpected(ref reader, "an object is expected.");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = Name(ref reader);

            bool metadata = name == SafeTensorsFormat.MetadataKey;
            if (metadata ? _hasMetadata : !_index.TryAdd(name, _entries.Count))
            {
                throw error.Duplicate(name, metadata ? null : name);
            }

            reader.Read();
            if (metadata)
            {
                _hasMetadata = true;
                ReadMetadata(ref reader);
            }
            else
            {
                _entries.Add(ReadEntry(ref reader, name));
            }
        }

        // Anything but white space after the object makes this read throw.
        reader.Read();
        return (_entries, _index, _metadata);
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

        long start = reader.TokenStartIndex;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = Name(ref reader);
            reader.Read();
            if (reader.TokenStartIndex - start + reader.ValueSpan.Length > SafeTensorsFormat.LongestMetadata)
            {
                throw error.MetadataTooLong();
            }

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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private RawEntry ReadEntry(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw error.Field(name, "its entry", Text(ref reader), "an object with dtype, shape and data_offsets");
        }

        DType? dtype = null;
        RawShape? shape = null;
        (int Count, ulong Begin, ulong End)? offsets = null;
        Span<ulong> numbers = stackalloc ulong[SafeTensorsFormat.HighestRank];
        HashSet<string>? others = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            // No text of its own for the three that every entry has: headers hold a million of them.
            string field = reader.ValueTextEquals("dtype"u8) ? "dtype" : reader.ValueTextEquals("shape"u8) ? "shape" : reader.ValueTextEquals("data_offsets"u8) ? "data_offsets" : Name(ref reader);
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
                    shape = Shared(numbers[..ReadNumbers(ref reader, name, "shape", "a list of unsigned whole numbers", numbers)]);
                    break;
                case "data_offsets":
                    offsets = (ReadNumbers(ref reader, name, "data_offsets", UnsignedPair, numbers), numbers[0], numbers[1]);
                    break;
                default:
                    SkipUnique(ref reader, name);
                    break;
            }
        }

        if (offsets is { Count: not 2 })
        {
            throw error.Field(name, "data_offsets", $"a list of {offsets.Value.Count} numbers", UnsignedPair);
        }

        return new RawEntry(
            name,
            dtype ?? throw error.Field(name, "dtype", "missing", "one of " + Codes()),
            shape ?? throw error.Field(name, "shape", "missing", "a list of unsigned whole numbers"),
            (offsets ?? throw error.Field(name, "data_offsets", "missing", UnsignedPair)).Begin,
            offsets.Value.End);
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
                string key = Name(ref reader);
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
        reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length <= LongestShown && (DTypes.TryParse(reader.ValueSpan, out DType dtype) || DTypes.TryParse(reader.GetString()!, out dtype))
            ? dtype
            : throw error.Field(name, "dtype", Text(ref reader), "one of " + Codes());

    /// <summary>Models have few shapes: one object for tensors that come near each other with the same.</summary>
    private RawShape Shared(ReadOnlySpan<ulong> extents)
    {
        ulong hash = 0;
        foreach (ulong extent in extents)
        {
            hash = (hash ^ extent) * 0x9E3779B97F4A7C15;
        }

        ref RawShape? known = ref _shapes[hash >> 56];
        return known is not null && extents.SequenceEqual(known.Extents) ? known : known = new RawShape(extents.ToArray());
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int ReadNumbers(ref Utf8JsonReader reader, string name, string field, string expected, scoped Span<ulong> numbers)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw error.Field(name, field, Text(ref reader), expected);
        }

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

        return count;
    }

    private static string Codes() => string.Join(", ", DTypes.All.Select(d => d.Code()));

    /// <summary>An error at the token that was read last, with its line and column.</summary>
    public CheckpointException Unexpected(ref Utf8JsonReader reader, string reason, Exception? inner = null)
    {
        ReadOnlySpan<byte> before = json.AsSpan(0, (int)reader.TokenStartIndex);
        return error.NotJson(before.Count((byte)'\n') + 1, before.Length - before.LastIndexOf((byte)'\n'), reason, inner);
    }

    /// <summary>A name or key, no longer than names may be: its length is known before memory is taken for it.</summary>
    private string Name(ref Utf8JsonReader reader)
    {
        // Written as escapes a name is up to six times as long.
        if (reader.ValueSpan.Length > 6 * SafeTensorsFormat.LongestName)
        {
            throw error.NameTooLong(reader.ValueSpan.Length);
        }

        string name = reader.GetString()!;
        return reader.ValueSpan.Length > SafeTensorsFormat.LongestName && Encoding.UTF8.GetByteCount(name) is var bytes and > SafeTensorsFormat.LongestName ? throw error.NameTooLong(bytes) : name;
    }

    private static string Text(ref Utf8JsonReader reader) => reader.ValueSpan.Length > LongestShown ? $"a value of {reader.ValueSpan.Length} bytes" : reader.TokenType switch
    {
        JsonTokenType.StartArray => "a list",
        JsonTokenType.StartObject => "an object",
        JsonTokenType.String => "\"" + reader.GetString() + "\"",
        _ => Encoding.UTF8.GetString(reader.ValueSpan),
    };
}
