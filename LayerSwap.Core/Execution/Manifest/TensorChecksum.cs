using System.IO.Hashing;
using System.Globalization;
using System.Runtime.InteropServices;
using LayerSwap.Numerics;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>A tensor's checksum: XXH64 over the little-endian XXH64s of its sections of 262,144 elements, in order.</summary>
internal static class TensorChecksum
{
    public static ulong Of(ReadOnlySpan<ulong> sections) => XxHash64.HashToUInt64(MemoryMarshal.AsBytes(sections));

    public static string Text(ulong checksum) => checksum.ToString("x16", CultureInfo.InvariantCulture);

    /// <summary>Reads a window of a tensor's bytes; false where they are not all there.</summary>
    public delegate bool Reader(long offset, Span<byte> destination);

    /// <summary>Reads a whole tensor for its checksum.</summary>
    public static ulong Read(BlockStreamer pump, int worker, ICheckpoint checkpoint, TensorInfo tensor, Action<int> read) => Read(pump, worker, tensor, (offset, bytes) =>
    {
        checkpoint.Read(tensor.Name, offset, bytes);
        read(bytes.Length);
        return true;
    })!.Value;

    /// <returns>Null where some of it is not there.</returns>
    public static ulong? Read(BlockStreamer pump, int worker, TensorInfo tensor, Reader read)
    {
        bool whole = true;
        ulong[] hashes = new ulong[ChunkSizes.CountOf(tensor.ElementCount)];
        pump.Crew.Split(worker, hashes.Length, (w, section) =>
        {
            (long start, int count) = ChunkSizes.At(section, tensor.ElementCount);
            Span<byte> bytes = pump.ScratchOf(w).Raw((int)((long)count * tensor.DType.Bits() / 8));
            if (read(start / 8 * tensor.DType.Bits(), bytes))
            {
                hashes[section] = XxHash64.HashToUInt64(bytes);
            }
            else
            {
                Volatile.Write(ref whole, false);
            }
        });
        return whole ? Of(hashes) : null;
    }
}
