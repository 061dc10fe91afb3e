using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LayerSwap.Buffers;

/// <summary>
/// A pooled buffer aligned to a cache line, because vector loads across two lines take twice as long. The garbage collector seldom moves
/// a pooled array; if it does, only the alignment is lost.
/// </summary>
internal readonly ref struct PooledBuffer<T>
    where T : unmanaged
{
    private readonly byte[]? _bytes;

    public PooledBuffer(int length)
    {
        int size = checked(length * Unsafe.SizeOf<T>());
        _bytes = ArrayPool<byte>.Shared.Rent(size + CacheLine.Bytes);
        Span = MemoryMarshal.Cast<byte, T>(_bytes.AsSpan(CacheLine.FindAlignedOffset(_bytes), size));
    }

    public Span<T> Span { get; }

    /// <summary>Returns the array to the pool; a default instance has none.</summary>
    public void Dispose()
    {
        if (_bytes is not null)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
        }
    }
}

/// <summary>The size and alignment of cache lines.</summary>
internal static class CacheLine
{
    public const int Bytes = 64;

    /// <summary>Computes the offset of the first cache line in an array, at the array's current address.</summary>
    public static unsafe int FindAlignedOffset(byte[] array)
    {
        nuint address = (nuint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(array));
        return (int)(-(nint)address & (Bytes - 1));
    }
}
