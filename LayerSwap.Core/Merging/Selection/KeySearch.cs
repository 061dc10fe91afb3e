using System.Numerics;
using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Finds the key of a rank in a list that is not sorted: keys are counted by the part of the range that they lie in, and the part is searched in the same way, until it has few.</summary>
internal static class KeySearch
{
    private const int Parts = 1 << 12, Few = 1 << 9;

    /// <param name="keys">The keys, as the numbers that they are the bits of.</param>
    /// <param name="rank">From 0, the largest first.</param>
    /// <param name="bounds">All keys lie within.</param>
    /// <returns>The key, and how many are larger.</returns>
    public static (ulong Key, int Above) Find(NumberList keys, int rank, KeyBounds bounds)
    {
        ulong low = bounds.Low, width = bounds.High - bounds.Low;
        int candidates = keys.Count, above = 0;
        Span<int> counts = stackalloc int[Parts];
        Span<ulong> piece = stackalloc ulong[NumberList.Together];
        while (candidates > Few && width > 0)
        {
            int shift = Math.Max(0, BitOperations.Log2(width) + 1 - BitOperations.Log2(Parts)), part = (int)(width >> shift);
            counts.Clear();
            for (int at = 0; at < keys.Count; at += piece.Length)
            {
                foreach (ulong key in Read(keys, at, piece))
                {
                    if (key - low <= width)
                    {
                        counts[(int)((key - low) >> shift)]++;
                    }
                }
            }

            while (rank - above >= counts[part])
            {
                above += counts[part--];
            }

            candidates = counts[part];
            width = Math.Min(width - ((ulong)part << shift), (1UL << shift) - 1);
            low += (ulong)part << shift;
        }

        return width == 0 ? (low, above) : Among(keys, rank, low, width, above);
    }

    /// <summary>Sorts the few that are left.</summary>
    private static (ulong Key, int Above) Among(NumberList keys, int rank, ulong low, ulong width, int above)
    {
        Span<ulong> few = stackalloc ulong[Few], piece = stackalloc ulong[NumberList.Together];
        int count = 0;
        for (int at = 0; at < keys.Count; at += piece.Length)
        {
            foreach (ulong key in Read(keys, at, piece))
            {
                if (key - low <= width)
                {
                    few[count++] = key;
                }
            }
        }

        few = few[..count];
        few.Sort();
        ulong found = few[^(rank - above + 1)];
        return (found, above + count - 1 - few.LastIndexOf(found));
    }

    private static ReadOnlySpan<ulong> Read(NumberList keys, int at, Span<ulong> piece)
    {
        piece = piece[..Math.Min(piece.Length, keys.Count - at)];
        keys.CopyTo(at, MemoryMarshal.Cast<ulong, double>(piece));
        return piece;
    }
}
