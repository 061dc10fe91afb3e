using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LayerSwap.Buffers;

/// <summary>
/// Room that is lent for a block and begins with a cache line: vectors that straddle two lines take twice as long. A pooled array is old and hardly ever moved; where it is, nothing but
/// that is lost.
/// </summary>
internal readonly ref struct PooledBuffer<T>
    where T : unmanaged
{
    private readonly byte[]? _bytes;

    public PooledBuffer(int length)
    {
        int size = checked(length * Unsafe.SizeOf<T>());
        _bytes = ArrayPool<byte>.Shared.Rent(size + CacheLine.Bytes);
        Span = MemoryMarshal.Cast<byte, T>(_bytes.AsSpan(CacheLine.Skip(_bytes), size));
    }

    public Span<T> Span { get; }

    /// <summary>Nothing is to be given back of what was never rented.</summary>
    public void Dispose()
    {
        if (_bytes is not null)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
        }
    }
}

/// <summary>Where memory is cut into what the core loads at once.</summary>
internal static class CacheLine
{
    public const int Bytes = 64;

    /// <summary>How far from its beginning the first cache line of an array is, as it lies now.</summary>
    public static unsafe int Skip(byte[] array)
    {
        nuint address = (nuint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(array));
        return (int)(-(nint)address & (Bytes - 1));
    }
}
