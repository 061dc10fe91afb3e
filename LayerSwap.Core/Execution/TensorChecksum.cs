using System.Globalization;
using System.Runtime.InteropServices;
using LayerSwap.Numerics;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>A tensor's checksum: XXH64 over the little-endian XXH64s of its sections of 262,144 elements, in order.</summary>
internal static class TensorChecksum
{
    public static ulong Of(ReadOnlySpan<ulong> sections) => XxHash64.Of(MemoryMarshal.AsBytes(sections));

    public static string Text(ulong checksum) => checksum.ToString("x16", CultureInfo.InvariantCulture);

    /// <summary>Reads a whole tensor for its checksum.</summary>
    public static ulong Read(Pump pump, int worker, ICheckpoint checkpoint, TensorInfo tensor, Action<int> read)
    {
        ulong[] hashes = new ulong[Sections.CountOf(tensor.ElementCount)];
        pump.Crew.Split(worker, hashes.Length, (w, section) =>
        {
            (long start, int count) = Sections.At(section, tensor.ElementCount);
            Span<byte> bytes = pump.ScratchOf(w).Raw((int)((long)count * tensor.DType.Bits() / 8));
            checkpoint.Read(tensor.Name, start / 8 * tensor.DType.Bits(), bytes);
            hashes[section] = XxHash64.Of(bytes);
            read(bytes.Length);
        });
        return Of(hashes);
    }
}
