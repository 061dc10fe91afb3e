using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>
/// Where a ranking is cut. Elements are ranked by key, the largest first, equal keys by index, the lowest first; the cut is the last element that is within. Keys are the bits of
/// non-negative doubles, whose order is that of the numbers.
/// </summary>
internal readonly record struct Cut(ulong Key, long Index)
{
    /// <summary>Nothing is within.</summary>
    public static Cut None { get; } = new(ulong.MaxValue, -1);

    /// <summary>Everything is within.</summary>
    public static Cut All { get; } = new(0, long.MaxValue);

    public bool Includes(ulong key, long index) => key > Key || (key == Key && index <= Index);

    /// <summary>The lowest key that is within at an index; null where none is.</summary>
    public ulong? LowestWithin(long index) => index <= Index ? Key : Key < long.MaxValue ? Key + 1 : null;

    /// <summary>How many of the next elements, one at least, the lowest key is the same for.</summary>
    public int Alike(long index, int most) => index <= Index ? (int)Math.Min(most - 1, Index - index) + 1 : most;

    /// <summary>The key of a magnitude; a NaN ranks before all numbers.</summary>
    public static ulong KeyOf(double magnitude) => KeyKernel.KeyOf(magnitude);

    public double Value => BitConverter.UInt64BitsToDouble(Key);
}
