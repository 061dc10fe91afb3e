using System.IO.Hashing;
using System.Runtime.InteropServices;
using LayerSwap.Buffers;
using LayerSwap.Numerics;

namespace LayerSwap.Streaming;

/// <summary>One worker's buffers: they grow to the largest block asked of them and are used again for every block after.</summary>
internal sealed class WorkerBuffers
{
    /// <summary>The part of a buffer's length that it has to spare.</summary>
    private const int Spare = 16;

    private readonly XxHash64 _checksum = new();
    private byte[] _raw = [];
    private byte[] _wide = [];
    private byte[] _result = [];
    private byte[] _output = [];

    /// <summary>Starts a checksum with the worker's own hasher.</summary>
    public XxHash64 StartChecksum()
    {
        _checksum.Reset();
        return _checksum;
    }

    /// <summary>Undecoded bytes of all operands of a block, one after another.</summary>
    public Span<byte> Raw(int length) => Grow(ref _raw, length);

    /// <summary>Decoded elements of all operands of a block, one after another.</summary>
    public Span<T> Wide<T>(int length)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(Grow(ref _wide, checked(length * Marshal.SizeOf<T>())));

    /// <summary>The elements of a block's result.</summary>
    public Span<T> Result<T>(int length)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(Grow(ref _result, checked(length * Marshal.SizeOf<T>())));

    /// <summary>The bytes of a block's result.</summary>
    public Span<byte> Output(int length) => Grow(ref _output, length);

    /// <summary>Reads the same elements of every operand, undecoded, one operand after another.</summary>
    public ReadOnlySpan<byte> Read(IReadOnlyList<Operand> operands, long start, int count)
    {
        int total = 0;
        for (int k = 0; k < operands.Count; k++)
        {
            total += count * operands[k].DType.Bits() / 8;
        }

        Span<byte> bytes = Raw(total);
        int at = 0;
        for (int k = 0; k < operands.Count; k++)
        {
            int width = operands[k].DType.Bits() / 8;
            operands[k].Read(start * width, bytes.Slice(at, count * width));
            at += count * width;
        }

        return bytes;
    }

    /// <summary>Decodes a part of what was read: elements <paramref name="from"/> to <paramref name="from"/> + <paramref name="count"/> of <paramref name="read"/>.</summary>
    /// <param name="operands">What was read.</param>
    /// <param name="raw">Its bytes, one operand after another.</param>
    /// <param name="read">How many elements of each.</param>
    /// <param name="from">The first element to decode.</param>
    /// <param name="count">How many.</param>
    /// <param name="finite">True if all elements are finite; false if that is not known.</param>
    /// <returns>(operands, count), row-major.</returns>
    public ReadOnlySpan<T> Decode<T>(IReadOnlyList<Operand> operands, ReadOnlySpan<byte> raw, int read, int from, int count, out bool finite)
        where T : unmanaged
    {
        finite = true;
        Span<T> wide = Wide<T>(operands.Count * count);
        int at = 0;
        for (int k = 0; k < operands.Count; k++)
        {
            int width = operands[k].DType.Bits() / 8;
            finite &= Widen(operands[k].DType, raw.Slice(at + (from * width), count * width), wide.Slice(k * count, count));
            at += read * width;
        }

        return wide;
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

    /// <summary>Pinned, so that it begins with a cache line for good; and with some to spare, since blocks of other tensors are a little longer, and what they replace is not given back at once.</summary>
    private static Span<byte> Grow(ref byte[] buffer, int length)
    {
        if (buffer.Length < length + CacheLine.Bytes)
        {
            long needed = (long)length + CacheLine.Bytes;
            buffer = GC.AllocateUninitializedArray<byte>(checked((int)Math.Max(needed, Math.Min(needed + (length / Spare), Array.MaxLength))), pinned: true);
        }

        return buffer.AsSpan(CacheLine.Skip(buffer), length);
    }
}
