using System.Numerics;
using LayerSwap.Buffers;

namespace LayerSwap.Merging;

/// <summary>Counts of keys in bins of equal width over a range.</summary>
/// <param name="counts">The counts, <see cref="Bins"/> of them.</param>
/// <param name="low">The lowest key of the range.</param>
/// <param name="width">The distance from the lowest to the highest key.</param>
internal readonly ref struct Histogram(Span<ulong> counts, ulong low, ulong width)
{
    public const int Bins = ChunkPool.ChunkWords;

    private readonly Span<ulong> _counts = counts;

    /// <summary>The shift from a key's distance to its bin.</summary>
    private readonly int _shift = Math.Max(0, BitOperations.Log2(width) + 1 - BitOperations.Log2(Bins));

    /// <summary>Counts keys, all of which must be in the range.</summary>
    public void Add(ReadOnlySpan<ulong> keys)
    {
        foreach (ulong key in keys)
        {
            _counts[(int)((key - low) >> _shift)]++;
        }
    }

    /// <summary>Finds the bounds of the bin that contains a rank.</summary>
    /// <param name="rank">The 0-based rank, largest first.</param>
    /// <returns>Null if the rank is beyond all keys.</returns>
    public KeyBounds? Find(long rank)
    {
        for (int bin = Bins - 1; bin >= 0; bin--)
        {
            if ((ulong)rank < _counts[bin])
            {
                ulong start = (ulong)bin << _shift;
                return new KeyBounds(low + start, low + start + Math.Min((1UL << _shift) - 1, width - start));
            }

            rank -= (long)_counts[bin];
        }

        return null;
    }
}
