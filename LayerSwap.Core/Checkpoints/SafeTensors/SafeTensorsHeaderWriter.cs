using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace LayerSwap.Checkpoints.SafeTensors;

/// <summary>
/// Writes headers as the reference writer does: tensors by dtype, descending, then by name as UTF-8; compact JSON, <c>__metadata__</c>
/// first with sorted keys, only what must be escaped escaped; padded with spaces to a multiple of 8.
/// </summary>
internal static class SafeTensorsHeaderWriter
{
    /// <summary>About the characters of an entry.</summary>
    private const int LengthOfEntry = 128;

    /// <summary>Digits and sign of a 64-bit number.</summary>
    private const int LongestNumber = 20;

    /// <summary>What stands for itself in JSON, of ASCII: nearly all that names are made of.</summary>
    private static readonly SearchValues<char> Plain = SearchValues.Create([.. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c).Where(c => c is not ('"' or '\\'))]);

    /// <summary>The order in which tensors lie in a file.</summary>
    public static IEnumerable<TensorInfo> Order(IEnumerable<TensorInfo> tensors) =>
        tensors.OrderByDescending(t => (int)t.DType).ThenBy(t => t.Name, Utf8Order.Instance);

    /// <summary>The length prefix and the JSON, ready to be followed by the data of the tensors in the order given.</summary>
    /// <exception cref="ArgumentException">A tensor is called <c>__metadata__</c>, two have one name, or the reader would refuse a name or a rank.</exception>
    public static byte[] Write(IReadOnlyList<TensorInfo> ordered, IReadOnlyDictionary<string, string> metadata)
    {
        HashSet<string> names = new(StringComparer.Ordinal) { SafeTensorsFormat.MetadataKey };
        ArrayBufferWriter<byte> json = new((int)Math.Min((ordered.Count + 1L) * LengthOfEntry, SafeTensorsFormat.LongestHeader));
        Append(json, "{"u8);
        if (metadata.Count > 0)
        {
            AppendString(json, SafeTensorsFormat.MetadataKey);
            ReadOnlySpan<byte> before = ":{"u8;
            foreach (string key in metadata.Keys.Order(Utf8Order.Instance))
            {
                Append(json, before);
                AppendString(json, key);
                Append(json, ":"u8);
                AppendString(json, metadata[key]);
                before = ","u8;
            }

            Append(json, "}"u8);
        }

        long offset = 0;
        foreach (TensorInfo tensor in ordered)
        {
            if (!names.Add(tensor.Name))
            {
                throw new ArgumentException($"A safetensors file cannot hold a tensor named {Printable.Escape(tensor.Name)}, or two of that name.", nameof(ordered));
            }

            if (tensor.Shape.Rank > SafeTensorsFormat.HighestRank || Encoding.UTF8.GetByteCount(tensor.Name) > SafeTensorsFormat.LongestName)
            {
                throw new ArgumentException(
                    $"Tensor {Printable.Escape(tensor.Name)} has {tensor.Shape.Rank} axes and a name of {Encoding.UTF8.GetByteCount(tensor.Name)} bytes; "
                    + $"at most {SafeTensorsFormat.HighestRank} and {SafeTensorsFormat.LongestName} are written.",
                    nameof(ordered));
            }

            if (json.WrittenCount > 1)
            {
                Append(json, ","u8);
            }

            AppendString(json, tensor.Name);
            Append(json, ":{\"dtype\":\""u8);
            Append(json, tensor.DType.Code());
            Append(json, "\",\"shape\":["u8);
            for (int axis = 0; axis < tensor.Shape.Rank; axis++)
            {
                Append(json, axis > 0 ? ","u8 : default);
                Append(json, tensor.Shape[axis]);
            }

            Append(json, "],\"data_offsets\":["u8);
            Append(json, offset);
            Append(json, ","u8);
            Append(json, offset = checked(offset + tensor.ByteLength));
            Append(json, "]}"u8);
        }

        Append(json, "}"u8);
        ReadOnlySpan<byte> text = json.WrittenSpan;
        int padded = (text.Length + 7) / 8 * 8;
        if (padded > SafeTensorsFormat.LongestHeader)
        {
            throw new ArgumentException($"The header of {names.Count} tensors would have {padded} bytes; {SafeTensorsFormat.LongestHeader} are allowed. Write more shards.", nameof(ordered));
        }

        byte[] header = new byte[SafeTensorsFormat.PrefixLength + padded];
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)padded);
        header.AsSpan(SafeTensorsFormat.PrefixLength).Fill((byte)' ');
        text.CopyTo(header.AsSpan(SafeTensorsFormat.PrefixLength));
        return header;
    }

    private static void Append(ArrayBufferWriter<byte> json, ReadOnlySpan<byte> text) => json.Write(text);

    private static void Append(ArrayBufferWriter<byte> json, ReadOnlySpan<char> text) => Encoding.UTF8.GetBytes(text, json);

    private static void Append(ArrayBufferWriter<byte> json, long number)
    {
        Utf8Formatter.TryFormat(number, json.GetSpan(LongestNumber), out int written);
        json.Advance(written);
    }

    /// <summary>Quotes a text as serde_json does: quotation mark, backslash and controls escaped, all else as it is.</summary>
    private static void AppendString(ArrayBufferWriter<byte> json, string text)
    {
        Append(json, "\""u8);
        Append(json, text.AsSpan().ContainsAnyExcept(Plain) ? Escaped(text) : text);
        Append(json, "\""u8);
    }

    private static string Escaped(string text)
    {
        int wrong = LoneSurrogate(text);
        if (wrong >= 0)
        {
            throw new ArgumentException($"{Printable.Escape(text)} is not valid Unicode (character {wrong + 1} is half a pair), and cannot be written.", nameof(text));
        }

        StringBuilder escaped = new();
        foreach (char c in text)
        {
            _ = c switch
            {
                '"' => escaped.Append("\\\""),
                '\\' => escaped.Append("\\\\"),
                '\b' => escaped.Append("\\b"),
                '\f' => escaped.Append("\\f"),
                '\n' => escaped.Append("\\n"),
                '\r' => escaped.Append("\\r"),
                '\t' => escaped.Append("\\t"),
                < ' ' => escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => escaped.Append(c),
            };
        }

        return escaped.ToString();
    }

    /// <summary>The place of the first surrogate that has no partner, or -1: encoding would silently change it.</summary>
    private static int LoneSurrogate(ReadOnlySpan<char> text)
    {
        for (int i = 0; i < text.Length;)
        {
            if (Rune.DecodeFromUtf16(text[i..], out _, out int used) != OperationStatus.Done)
            {
                return i;
            }

            i += used;
        }

        return -1;
    }

    /// <summary>The order of UTF-8 bytes, which is the order of code points, not of UTF-16 units.</summary>
    private sealed class Utf8Order : IComparer<string>
    {
        public static Utf8Order Instance { get; } = new();

        public int Compare(string? x, string? y)
        {
            int shared = x.AsSpan().CommonPrefixLength(y);
            if (shared == x!.Length || shared == y!.Length)
            {
                return x.Length.CompareTo(y!.Length);
            }

            // Surrogates stand for code points above every other unit.
            return (char.IsSurrogate(x[shared]), x[shared]).CompareTo((char.IsSurrogate(y[shared]), y[shared]));
        }
    }
}
