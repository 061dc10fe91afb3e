using System.Runtime.InteropServices;

namespace LayerSwap.Numerics;

/// <summary>Several rows of one length, lying one after another: the same elements of several tensors.</summary>
internal readonly ref struct Rows<T>
    where T : unmanaged
{
    private readonly ReadOnlySpan<T> _data;

    /// <param name="data">The rows, one after another.</param>
    /// <param name="length">The length of each.</param>
    public Rows(ReadOnlySpan<T> data, int length)
    {
        _data = data;
        Length = length;
        Count = length == 0 ? 0 : data.Length / length;
    }

    /// <summary>The first element of the first row; row k starts k * <see cref="Length"/> further on.</summary>
    public ref T Reference => ref MemoryMarshal.GetReference(_data);

    public int Length { get; }

    public int Count { get; }

    /// <summary>The same rows under the type that T is known to be.</summary>
    public Rows<TKnown> As<TKnown>()
        where TKnown : unmanaged => new(MemoryMarshal.Cast<T, TKnown>(_data), Length);

    /// <summary>All rows from this one on, one after another.</summary>
    public ReadOnlySpan<T> After(int row) => _data[(row * Length)..];

    public ReadOnlySpan<T> this[int row] => _data.Slice(row * Length, Length);
}
