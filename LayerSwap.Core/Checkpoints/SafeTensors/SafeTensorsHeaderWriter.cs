using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace LayerSwap.Checkpoints.SafeTensors;

/// <summary>
/// Writes headers as the reference writer does: tensors by dtype, descending, then by name as UTF-8; compact JSON with minimal
/// escaping, <c>__metadata__</c> first with sorted keys; padded with spaces to a multiple of 8.
/// </summary>
internal static class SafeTensorsHeaderWriter
{
    /// <summary>The estimated length of an entry in bytes.</summary>
    private const int EntryLength = 128;

    /// <summary>The digits and sign of a 64-bit number.</summary>
    private const int MaxNumberLength = 20;

    /// <summary>The ASCII characters that need no escape in JSON.</summary>
    private static readonly SearchValues<char> Unescaped =
        SearchValues.Create([.. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c).Where(c => c is not ('"' or '\\'))]);

    /// <summary>Sorts tensors in the order of their data in the file.</summary>
    public static IEnumerable<TensorInfo> Order(IEnumerable<TensorInfo> tensors) =>
        tensors.OrderByDescending(t => (int)t.DType).ThenBy(t => t.Name, Utf8Order.Instance);

    /// <summary>Writes the length prefix and the JSON. The data of the tensors follows in the same order.</summary>
    /// <exception cref="ArgumentException">A name is <c>__metadata__</c>, not unique or too long, or a rank is too high.</exception>
    public static byte[] Write(IReadOnlyList<TensorInfo> ordered, IReadOnlyDictionary<string, string> metadata)
    {
        HashSet<string> names = new(StringComparer.Ordinal) { SafeTensorsFormat.MetadataKey };
        ArrayBufferWriter<byte> json = new((int)Math.Min((ordered.Count + 1L) * EntryLength, SafeTensorsFormat.MaxHeaderLength));
        Append(json, "{"u8);
        if (metadata.Count > 0)
        {
            AppendString(json, SafeTensorsFormat.MetadataKey);
            ReadOnlySpan<byte> separator = ":{"u8;
            foreach (string key in metadata.Keys.Order(Utf8Order.Instance))
            {
                Append(json, separator);
                AppendString(json, key);
                Append(json, ":"u8);
                AppendString(json, metadata[key]);
                separator = ","u8;
            }

            Append(json, "}"u8);
        }

        long offset = 0;
        foreach (TensorInfo tensor in ordered)
        {
            if (!names.Add(tensor.Name))
            {
                throw new ArgumentException(
                    $"A safetensors file cannot hold a tensor named {Printable.Escape(tensor.Name)}, or two of that name.",
                    nameof(ordered));
            }

            int nameBytes = Encoding.UTF8.GetByteCount(tensor.Name);
            if (tensor.Shape.Rank > SafeTensorsFormat.MaxRank || nameBytes > SafeTensorsFormat.MaxNameLength)
            {
                throw new ArgumentException(
                    $"Tensor {Printable.Escape(tensor.Name)} has {tensor.Shape.Rank} axes and a name of {nameBytes} bytes; "
                    + $"at most {SafeTensorsFormat.MaxRank} and {SafeTensorsFormat.MaxNameLength} are written.",
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
        if (padded > SafeTensorsFormat.MaxHeaderLength)
        {
            throw new ArgumentException(
                $"The header of {names.Count} tensors would have {padded} bytes; {SafeTensorsFormat.MaxHeaderLength} are allowed. "
                + "Write more shards.",
                nameof(ordered));
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
        Utf8Formatter.TryFormat(number, json.GetSpan(MaxNumberLength), out int written);
        json.Advance(written);
    }

    /// <summary>Writes a JSON string as serde_json does: only quotation marks, backslashes and control characters are escaped.</summary>
    private static void AppendString(ArrayBufferWriter<byte> json, string text)
    {
        Append(json, "\""u8);
        Append(json, text.AsSpan().ContainsAnyExcept(Unescaped) ? Escape(text) : text);
        Append(json, "\""u8);
    }

    private static string Escape(string text)
    {
        int invalid = FindLoneSurrogate(text);
        if (invalid >= 0)
        {
            throw new ArgumentException(
                $"{Printable.Escape(text)} is not valid Unicode (character {invalid + 1} is a lone surrogate), and cannot be written.",
                nameof(text));
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

    /// <summary>Finds the first lone surrogate, which encoding would silently replace.</summary>
    /// <returns>Its index, or -1.</returns>
    private static int FindLoneSurrogate(ReadOnlySpan<char> text)
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
}
