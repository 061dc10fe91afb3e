using System.Runtime.InteropServices;

namespace LayerSwap.Numerics;

/// <summary>Several rows of one length, one after another at even distances: the same elements of several tensors.</summary>
internal readonly ref struct Rows<T>
    where T : unmanaged
{
    private readonly ReadOnlySpan<T> _data;

    /// <param name="data">The rows, from the first element of the first to the last of the last, or further.</param>
    /// <param name="length">The length of each.</param>
    /// <param name="stride">From one row to the next; its length where they lie close together, as by default.</param>
    public Rows(ReadOnlySpan<T> data, int length, int? stride = null)
    {
        _data = data;
        Length = length;
        Stride = stride ?? length;
        Count = length == 0 || data.Length < length ? 0 : 1 + ((data.Length - length) / Stride);
    }

    /// <summary>The first element of the first row; row k starts k * <see cref="Stride"/> further on.</summary>
    public ref T Reference => ref MemoryMarshal.GetReference(_data);

    public int Length { get; }

    public int Stride { get; }

    public int Count { get; }

    /// <summary>The same rows under the type that T is known to be.</summary>
    public Rows<TKnown> As<TKnown>()
        where TKnown : unmanaged => new(MemoryMarshal.Cast<T, TKnown>(_data), Length, Stride);

    /// <summary>All rows from this one on.</summary>
    public Rows<T> From(int row) => new(_data[Math.Min(row * Stride, _data.Length)..], Length, Stride);

    public ReadOnlySpan<T> this[int row] => _data.Slice(row * Stride, Length);
}
