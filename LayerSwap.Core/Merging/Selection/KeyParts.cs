using System.Numerics;
using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Where keys lie: a range cut into many parts of one width, and how many keys each has.</summary>
/// <param name="counts">The counts, <see cref="Count"/> of them.</param>
/// <param name="low">The least key of the range.</param>
/// <param name="width">How far the largest is above it.</param>
internal readonly ref struct KeyParts(Span<ulong> counts, ulong low, ulong width)
{
    /// <summary>The most parts that there are.</summary>
    public const int Count = ChunkPool.Words;

    private readonly Span<ulong> _counts = counts;

    /// <summary>By how much what is above the least key is shifted to give its part.</summary>
    private readonly int _shift = Math.Max(0, BitOperations.Log2(width) + 1 - BitOperations.Log2(Count));

    /// <summary>Counts the keys that lie in the range.</summary>
    public void Add(ReadOnlySpan<ulong> keys)
    {
        foreach (ulong key in keys)
        {
            if (key - low <= width)
            {
                _counts[(int)((key - low) >> _shift)]++;
            }
        }
    }

    /// <summary>The same of a list of keys, as the numbers that they are the bits of.</summary>
    public void Add(NumberList keys)
    {
        Span<ulong> room = stackalloc ulong[NumberList.Together];
        for (int at = 0; at < keys.Count; at += NumberList.Together)
        {
            Span<ulong> piece = room[..Math.Min(NumberList.Together, keys.Count - at)];
            keys.CopyTo(at, MemoryMarshal.Cast<ulong, double>(piece));
            Add(piece);
        }
    }

    /// <summary>The part that has a rank.</summary>
    /// <param name="rank">From 0, the largest first; becomes the rank within the part.</param>
    /// <returns>The part's range, and how many it has; none where the rank is beyond all.</returns>
    public (ulong Low, ulong Width, ulong Keys)? Find(ref long rank)
    {
        for (int part = Count - 1; part >= 0; part--)
        {
            ulong own = _counts[part];
            if ((ulong)rank < own)
            {
                ulong start = (ulong)part << _shift;
                return (low + start, Math.Min((1UL << _shift) - 1, width - start), own);
            }

            rank -= (long)own;
        }

        return null;
    }
}
