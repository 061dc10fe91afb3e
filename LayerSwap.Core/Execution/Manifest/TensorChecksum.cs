using System.Globalization;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>The checksum of a tensor: XXH64 over the little-endian XXH64s of its chunks of 262,144 elements, in order.</summary>
internal static class TensorChecksum
{
    /// <summary>Combines the checksums of all chunks.</summary>
    public static ulong Combine(ReadOnlySpan<ulong> chunks) => XxHash64.HashToUInt64(MemoryMarshal.AsBytes(chunks));

    /// <summary>Formats a checksum as 16 hexadecimal digits.</summary>
    public static string Format(ulong checksum) => checksum.ToString("x16", CultureInfo.InvariantCulture);

    /// <summary>Reads bytes of a tensor at an offset; false if some are missing.</summary>
    public delegate bool Reader(long offset, Span<byte> destination);

    /// <summary>Reads a whole tensor and computes its checksum.</summary>
    /// <param name="streamer">The worker pool and its buffers.</param>
    /// <param name="worker">The index of the calling worker.</param>
    /// <param name="checkpoint">The checkpoint of the tensor.</param>
    /// <param name="tensor">The tensor.</param>
    /// <param name="addBytes">Receives the number of bytes after each read.</param>
    public static ulong Compute(
        BlockStreamer streamer, int worker, ICheckpoint checkpoint, TensorInfo tensor, Action<int> addBytes)
    {
        return Compute(streamer, worker, tensor, ReadChunk)!.Value;

        bool ReadChunk(long offset, Span<byte> bytes)
        {
            checkpoint.Read(tensor.Name, offset, bytes);
            addBytes(bytes.Length);
            return true;
        }
    }

    /// <summary>Reads a whole tensor and computes its checksum.</summary>
    /// <returns>Null if some bytes are missing.</returns>
    public static ulong? Compute(BlockStreamer streamer, int worker, TensorInfo tensor, Reader read)
    {
        bool complete = true;
        ulong[] hashes = new ulong[ChunkSizes.ChunkCountOf(tensor.ElementCount)];
        streamer.Pool.Split(worker, hashes.Length, (w, chunk) =>
        {
            (long start, int count) = ChunkSizes.ChunkAt(chunk, tensor.ElementCount);
            Span<byte> bytes = streamer.BuffersOf(w).Raw((int)((long)count * tensor.DType.Bits() / 8));
            if (read(start / 8 * tensor.DType.Bits(), bytes))
            {
                hashes[chunk] = XxHash64.HashToUInt64(bytes);
            }
            else
            {
                Volatile.Write(ref complete, false);
            }
        });
        return complete ? Combine(hashes) : null;
    }
}
