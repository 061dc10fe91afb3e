using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Unicode;
using LayerSwap.IO;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Checkpoints.SafeTensors;

/// <summary>Reads and validates a header in the order of docs/formats.md: nothing is allocated before its size is known to be real.</summary>
internal static class SafeTensorsHeaderReader
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static SafeTensorsHeader Read(SafeFileHandle handle, string path)
    {
        SafeTensorsThrow error = new(path);
        long length = RandomAccess.GetLength(handle);
        Span<byte> prefix = stackalloc byte[SafeTensorsFormat.PrefixLength];
        if (length < prefix.Length || !PositionalRead.TryFill(handle, prefix, 0))
        {
            throw error.TooShort(length);
        }

        ulong announced = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (announced > SafeTensorsFormat.LongestHeader)
        {
            throw error.HeaderTooLong(announced);
        }

        if (announced > (ulong)(length - prefix.Length))
        {
            throw error.HeaderPastEnd(announced, length);
        }

        byte[] json = GC.AllocateUninitializedArray<byte>((int)announced);
        if (!PositionalRead.TryFill(handle, json, prefix.Length))
        {
            throw error.HeaderPastEnd(announced, RandomAccess.GetLength(handle));
        }

        long dataStart = prefix.Length + json.Length;
        // Before it is parsed: after that nothing holds the JSON any more.
        string hash = Hash(prefix, json);
        (List<RawEntry> raw, Dictionary<string, int> index, Dictionary<string, string> metadata) = Parse(json, error);
        (TensorInfo[] tensors, long[] begins) = SafeTensorsLayout.Validate(raw, (ulong)(length - dataStart), error);
        return new SafeTensorsHeader { Tensors = tensors, Begins = begins, Index = index, Metadata = metadata, DataStart = dataStart, Hash = hash };
    }

    private static string Hash(ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> json)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(prefix);
        hash.AppendData(json);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static (List<RawEntry> Entries, Dictionary<string, int> Index, Dictionary<string, string> Metadata) Parse(byte[] json, SafeTensorsThrow error)
    {
        if (!Utf8.IsValid(json))
        {
            throw error.NotUtf8(SafeTensorsFormat.PrefixLength + FirstInvalid(json));
        }

        JsonReaderOptions options = new() { CommentHandling = JsonCommentHandling.Disallow, AllowTrailingCommas = false, MaxDepth = SafeTensorsFormat.Deepest };
        Utf8JsonReader reader = new(json, options);
        SafeTensorsHeaderParser parser = new(json, error);
        try
        {
            return parser.Parse(ref reader);
        }
        catch (JsonException e)
        {
            throw error.NotJson((e.LineNumber ?? 0) + 1, (e.BytePositionInLine ?? 0) + 1, Reason(e), e);
        }
        catch (InvalidOperationException e)
        {
            // A lone surrogate written as an escape: valid JSON, but not a string.
            throw parser.Unexpected(ref reader, "a string is not valid Unicode.", e);
        }
    }

    private static int FirstInvalid(ReadOnlySpan<byte> bytes)
    {
        Utf8.ToUtf16(bytes, new char[bytes.Length], out int read, out _, replaceInvalidSequences: false);
        return read;
    }

    /// <summary>The framework appends its own form of line and position, counted from 0: cut it off.</summary>
    private static string Reason(JsonException e)
    {
        int cut = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return cut < 0 ? e.Message : e.Message[..cut];
    }
}
