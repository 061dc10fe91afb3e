using System.IO.Hashing;
using System.Runtime.InteropServices;
using LayerSwap.Buffers;
using LayerSwap.Numerics;

namespace LayerSwap.Streaming;

/// <summary>One worker's buffers. They grow to the largest block and are reused for every block.</summary>
internal sealed class WorkerBuffers
{
    /// <summary>A new buffer is longer than needed by 1/16.</summary>
    private const int ReserveDivisor = 16;

    private readonly XxHash64 _checksum = new();
    private byte[] _raw = [];
    private byte[] _decoded = [];
    private byte[] _result = [];
    private byte[] _output = [];

    /// <summary>Resets and returns the worker's hasher.</summary>
    public XxHash64 StartChecksum()
    {
        _checksum.Reset();
        return _checksum;
    }

    /// <summary>Gets a buffer for the undecoded bytes of all operands of a block, one operand after another.</summary>
    public Span<byte> Raw(int length) => Grow(ref _raw, length);

    /// <summary>Gets a buffer for the decoded elements of a block: (operands, elements), row-major.</summary>
    public Span<T> Decoded<T>(int length)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(Grow(ref _decoded, checked(length * Marshal.SizeOf<T>())));

    /// <summary>Gets a buffer for the elements of a block's result.</summary>
    public Span<T> Result<T>(int length)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(Grow(ref _result, checked(length * Marshal.SizeOf<T>())));

    /// <summary>Gets a buffer for the bytes of a block's result.</summary>
    public Span<byte> Output(int length) => Grow(ref _output, length);

    /// <summary>Reads the same range of every operand, undecoded, one operand after another.</summary>
    public ReadOnlySpan<byte> Read(IReadOnlyList<Operand> operands, long start, int count)
    {
        int total = 0;
        for (int k = 0; k < operands.Count; k++)
        {
            total += count * operands[k].DType.Bits() / 8;
        }

        Span<byte> bytes = Raw(total);
        int offset = 0;
        for (int k = 0; k < operands.Count; k++)
        {
            int width = operands[k].DType.Bits() / 8;
            operands[k].Read(start * width, bytes.Slice(offset, count * width));
            offset += count * width;
        }

        return bytes;
    }

    /// <summary>Decodes a range of the elements that were read.</summary>
    /// <param name="operands">The operands that were read.</param>
    /// <param name="raw">Their bytes, one operand after another.</param>
    /// <param name="length">The number of elements of each operand in <paramref name="raw"/>.</param>
    /// <param name="start">The first element to decode.</param>
    /// <param name="count">The number of elements to decode.</param>
    /// <param name="finite">True if all elements are finite; false if that is not known.</param>
    /// <returns>(operands, count), row-major.</returns>
    public ReadOnlySpan<T> Decode<T>(
        IReadOnlyList<Operand> operands,
        ReadOnlySpan<byte> raw,
        int length,
        int start,
        int count,
        out bool finite)
        where T : unmanaged
    {
        finite = true;
        Span<T> decoded = Decoded<T>(operands.Count * count);
        int offset = 0;
        for (int k = 0; k < operands.Count; k++)
        {
            int width = operands[k].DType.Bits() / 8;
            ReadOnlySpan<byte> source = raw.Slice(offset + (start * width), count * width);
            finite &= Widen(operands[k].DType, source, decoded.Slice(k * count, count));
            offset += length * width;
        }

        return decoded;
    }

    private static bool Widen<T>(DType dtype, ReadOnlySpan<byte> source, Span<T> destination)
        where T : unmanaged
    {
        if (typeof(T) == typeof(double))
        {
            ElementCodec.Widen(dtype, source, MemoryMarshal.Cast<T, double>(destination));
            return false;
        }

        return ElementCodec.Widen(dtype, source, MemoryMarshal.Cast<T, float>(destination));
    }

    /// <summary>
    /// Grows a buffer if it is too short. Pinned, so that it stays aligned to a cache line. The reserve avoids a new allocation for a
    /// slightly longer block of another tensor.
    /// </summary>
    private static Span<byte> Grow(ref byte[] buffer, int length)
    {
        if (buffer.Length < length + CacheLine.Bytes)
        {
            long needed = (long)length + CacheLine.Bytes;
            long size = Math.Max(needed, Math.Min(needed + (length / ReserveDivisor), Array.MaxLength));
            buffer = GC.AllocateUninitializedArray<byte>(checked((int)size), pinned: true);
        }

        return buffer.AsSpan(CacheLine.FindAlignedOffset(buffer), length);
    }
}
