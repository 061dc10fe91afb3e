using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Unicode;
using LayerSwap.IO;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Checkpoints.SafeTensors;

/// <summary>Reads and validates a header in the order of docs/formats.md. Sizes are checked before memory is allocated.</summary>
internal static class SafeTensorsHeaderReader
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static SafeTensorsHeader Read(SafeFileHandle handle, string path)
    {
        SafeTensorsThrow error = new(path);
        long fileLength = RandomAccess.GetLength(handle);
        Span<byte> prefix = stackalloc byte[SafeTensorsFormat.PrefixLength];
        if (fileLength < prefix.Length || !PositionalRead.TryFill(handle, prefix, 0))
        {
            throw error.TooShort(fileLength);
        }

        ulong headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > SafeTensorsFormat.MaxHeaderLength)
        {
            throw error.HeaderTooLong(headerLength);
        }

        if (headerLength > (ulong)(fileLength - prefix.Length))
        {
            throw error.HeaderPastEnd(headerLength, fileLength);
        }

        byte[] json = GC.AllocateUninitializedArray<byte>((int)headerLength);
        if (!PositionalRead.TryFill(handle, json, prefix.Length))
        {
            throw error.HeaderPastEnd(headerLength, RandomAccess.GetLength(handle));
        }

        long dataStart = prefix.Length + json.Length;
        // Hash before parsing, so that the JSON can be collected as soon as it is parsed.
        string hash = ComputeHash(prefix, json);
        (List<RawEntry> raw, Dictionary<string, int> index, Dictionary<string, string> metadata) = Parse(json, error);
        (TensorInfo[] tensors, long[] offsets) = SafeTensorsLayout.Validate(raw, (ulong)(fileLength - dataStart), error);
        return new SafeTensorsHeader
        {
            Tensors = tensors,
            Offsets = offsets,
            Index = index,
            Metadata = metadata,
            DataStart = dataStart,
            Hash = hash,
        };
    }

    private static string ComputeHash(ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> json)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(prefix);
        hash.AppendData(json);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static (List<RawEntry> Entries, Dictionary<string, int> Index, Dictionary<string, string> Metadata) Parse(
        byte[] json, SafeTensorsThrow error)
    {
        if (!Utf8.IsValid(json))
        {
            throw error.NotUtf8(SafeTensorsFormat.PrefixLength + FindFirstInvalid(json));
        }

        JsonReaderOptions options = new()
        {
            CommentHandling = JsonCommentHandling.Disallow,
            AllowTrailingCommas = false,
            MaxDepth = SafeTensorsFormat.MaxJsonDepth,
        };
        Utf8JsonReader reader = new(json, options);
        SafeTensorsHeaderParser parser = new(json, error);
        try
        {
            return parser.Parse(ref reader);
        }
        catch (JsonException e)
        {
            throw error.NotJson((e.LineNumber ?? 0) + 1, (e.BytePositionInLine ?? 0) + 1, RemovePosition(e), e);
        }
        catch (InvalidOperationException e)
        {
            // An escaped lone surrogate is valid JSON, but GetString cannot decode it.
            throw parser.Unexpected(ref reader, "a string is not valid Unicode.", e);
        }
    }

    private static int FindFirstInvalid(ReadOnlySpan<byte> bytes)
    {
        Utf8.ToUtf16(bytes, new char[bytes.Length], out int read, out _, replaceInvalidSequences: false);
        return read;
    }

    /// <summary>Removes the zero-based line and position that System.Text.Json appends to its messages.</summary>
    private static string RemovePosition(JsonException e)
    {
        int cut = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return cut < 0 ? e.Message : e.Message[..cut];
    }
}
