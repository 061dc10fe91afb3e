using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace LayerSwap.Checkpoints.SafeTensors;

/// <summary>An entry as parsed, not yet validated.</summary>
internal readonly record struct RawEntry(string Name, DType DType, RawShape Shape, ulong Begin, ulong End);

/// <summary>A shape as parsed. Tensors of equal shape share one object, so that it is validated once.</summary>
internal sealed class RawShape(ulong[] extents)
{
    public ulong[] Extents => extents;

    /// <summary>The shape after validation; null before.</summary>
    public TensorShape? Validated { get; set; }
}

/// <summary>Parses the header: one JSON object of entries and an optional <c>__metadata__</c>.</summary>
internal sealed class SafeTensorsHeaderParser(byte[] json, SafeTensorsThrow error)
{
    private const string UnsignedPair = "two unsigned whole numbers", UnsignedList = "a list of unsigned whole numbers";

    /// <summary>The approximate minimum size of an entry in bytes, from which the capacity of the collections follows.</summary>
    private const int MinBytesPerEntry = 64;

    /// <summary>Longer values are not shown in messages.</summary>
    private const int MaxShownBytes = 1024;

    private readonly Dictionary<string, int> _index = new(json.Length / MinBytesPerEntry, StringComparer.Ordinal);
    private readonly RawShape?[] _shapes = new RawShape?[256];
    private bool _hasMetadata;
    private readonly List<RawEntry> _entries = new(json.Length / MinBytesPerEntry);
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
            string name = ReadName(ref reader);

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

        // Throws if anything but white space follows the object.
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
            throw Unexpected(ref reader, "__metadata__ must be an object of strings, or null.");
        }

        long start = reader.TokenStartIndex;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = ReadName(ref reader);
            reader.Read();
            if (reader.TokenStartIndex - start + reader.ValueSpan.Length > SafeTensorsFormat.MaxMetadataLength)
            {
                throw error.MetadataTooLong();
            }

            if (reader.TokenType != JsonTokenType.String)
            {
                throw Unexpected(ref reader, $"__metadata__ key {key} must be a string.");
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
            throw error.Field(name, "its entry", Describe(ref reader), "an object with dtype, shape and data_offsets");
        }

        DType? dtype = null;
        RawShape? shape = null;
        (int Count, ulong Begin, ulong End)? offsets = null;
        Span<ulong> numbers = stackalloc ulong[SafeTensorsFormat.MaxRank];
        HashSet<string>? unknownFields = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            // Do not allocate strings for the known fields: a header can have a million entries.
            string field = reader.ValueTextEquals("dtype"u8) ? "dtype"
                : reader.ValueTextEquals("shape"u8) ? "shape"
                : reader.ValueTextEquals("data_offsets"u8) ? "data_offsets"
                : ReadName(ref reader);
            reader.Read();
            bool duplicate = field switch
            {
                "dtype" => dtype is not null,
                "shape" => shape is not null,
                "data_offsets" => offsets is not null,
                _ => !(unknownFields ??= new(StringComparer.Ordinal)).Add(field),
            };
            if (duplicate)
            {
                throw error.Field(name, "the field " + Printable.Escape(field), "given twice", "once");
            }

            switch (field)
            {
                case "dtype":
                    dtype = ReadDType(ref reader, name);
                    break;
                case "shape":
                    shape = InternShape(numbers[..ReadNumbers(ref reader, name, "shape", UnsignedList, numbers)]);
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
            dtype ?? throw error.Field(name, "dtype", "missing", "one of " + ListCodes()),
            shape ?? throw error.Field(name, "shape", "missing", UnsignedList),
            (offsets ?? throw error.Field(name, "data_offsets", "missing", UnsignedPair)).Begin,
            offsets.Value.End);
    }

    /// <summary>Skips the value of an unknown field, rejecting duplicate keys. The reader's depth limit bounds the recursion.</summary>
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
                string key = ReadName(ref reader);
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
        reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length <= MaxShownBytes
            && (DTypes.TryParse(reader.ValueSpan, out DType dtype) || DTypes.TryParse(reader.GetString()!, out dtype))
            ? dtype
            : throw error.Field(name, "dtype", Describe(ref reader), "one of " + ListCodes());

    /// <summary>Returns the cached object of an equal shape, or a new one. The cache is direct-mapped.</summary>
    private RawShape InternShape(ReadOnlySpan<ulong> extents)
    {
        ulong hash = 0;
        foreach (ulong extent in extents)
        {
            hash = (hash ^ extent) * 0x9E3779B97F4A7C15;
        }

        ref RawShape? cached = ref _shapes[hash >> 56];
        return cached is not null && extents.SequenceEqual(cached.Extents) ? cached : cached = new RawShape(extents.ToArray());
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int ReadNumbers(ref Utf8JsonReader reader, string name, string field, string expected, scoped Span<ulong> numbers)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw error.Field(name, field, Describe(ref reader), expected);
        }

        int count = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            // Reject the sign explicitly: TryGetUInt64 accepts "-0".
            if (reader.TokenType != JsonTokenType.Number || reader.ValueSpan[0] == (byte)'-' || !reader.TryGetUInt64(out ulong number))
            {
                throw error.Field(name, field, "a list with " + Describe(ref reader), expected);
            }

            if (count == SafeTensorsFormat.MaxRank)
            {
                string limit = field == "shape" ? $"at most {SafeTensorsFormat.MaxRank} (a limit of LayerSwap's own)" : expected;
                throw error.Field(name, field, $"a list of more than {SafeTensorsFormat.MaxRank} numbers", limit);
            }

            numbers[count++] = number;
        }

        return count;
    }

    private static string ListCodes() => string.Join(", ", DTypes.All.Select(d => d.Code()));

    /// <summary>Creates an error with the line and column of the current token.</summary>
    public CheckpointException Unexpected(ref Utf8JsonReader reader, string reason, Exception? inner = null)
    {
        ReadOnlySpan<byte> before = json.AsSpan(0, (int)reader.TokenStartIndex);
        return error.NotJson(before.Count((byte)'\n') + 1, before.Length - before.LastIndexOf((byte)'\n'), reason, inner);
    }

    /// <summary>Reads a name or key. Its length is checked before the string is allocated.</summary>
    private string ReadName(ref Utf8JsonReader reader)
    {
        // An escaped name is up to six times as long.
        if (reader.ValueSpan.Length > 6 * SafeTensorsFormat.MaxNameLength)
        {
            throw error.NameTooLong(reader.ValueSpan.Length);
        }

        string name = reader.GetString()!;
        return reader.ValueSpan.Length > SafeTensorsFormat.MaxNameLength
            && Encoding.UTF8.GetByteCount(name) is var bytes and > SafeTensorsFormat.MaxNameLength
                ? throw error.NameTooLong(bytes)
                : name;
    }

    /// <summary>Describes the current value for an error message.</summary>
    private static string Describe(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        _ when reader.ValueSpan.Length > MaxShownBytes => $"a value of {reader.ValueSpan.Length} bytes",
        JsonTokenType.StartArray => "a list",
        JsonTokenType.StartObject => "an object",
        JsonTokenType.String => "\"" + reader.GetString() + "\"",
        _ => Encoding.UTF8.GetString(reader.ValueSpan),
    };
}
