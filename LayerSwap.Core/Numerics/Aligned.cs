using System.Runtime.InteropServices;

namespace LayerSwap.Numerics;

/// <summary>The same elements of the base and of all sources: floats, doubles, or BF16 as it lies.</summary>
/// <param name="start">The index within the tensor of the first element.</param>
/// <param name="base">The base's elements, or none.</param>
/// <param name="sources">Those of all sources.</param>
internal readonly ref struct Aligned<T>(long start, ReadOnlySpan<T> @base, Rows<T> sources)
    where T : unmanaged
{
    /// <summary>Those of all operands, of which the first may be the base.</summary>
    public Aligned(long start, Rows<T> rows, bool hasBase)
        : this(start, hasBase ? rows[0] : [], rows.From(hasBase ? 1 : 0))
    {
    }

    public long Start { get; } = start;

    public int Length => Sources.Length;

    public ReadOnlySpan<T> Base { get; } = @base;

    public Rows<T> Sources { get; } = sources;

    /// <summary>The same elements under the type that T is known to be.</summary>
    public Aligned<TKnown> As<TKnown>()
        where TKnown : unmanaged => new(Start, MemoryMarshal.Cast<T, TKnown>(Base), Sources.As<TKnown>());

    public ReadOnlySpan<T> this[int source] => Sources[source];
}
