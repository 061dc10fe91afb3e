using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Finds keys by rank in a list that is not sorted and does not change: keys are counted once, by the part of their range that they lie in, and the part that has a rank is looked at closely.</summary>
internal sealed class KeyIndex
{
    private const int Parts = ChunkPool.Words * sizeof(ulong) / sizeof(int), Few = 1 << 10;

    /// <summary>The octaves below the largest key that have parts of their own: much smaller are few, but zeros.</summary>
    private const ulong Octaves = 64UL << 52;

    private readonly NumberList _keys;
    private readonly ChunkPool _pool;
    private readonly ulong[] _counts;

    /// <summary>The smallest key that may be there, the first that has a part of its own, and the largest.</summary>
    private readonly ulong _least, _low, _high;
    private readonly int _shift;

    /// <param name="keys">The keys, as the numbers that they are the bits of.</param>
    /// <param name="least">None is smaller.</param>
    /// <param name="pool">Lends the counts.</param>
    public KeyIndex(NumberList keys, ulong least, ChunkPool pool)
    {
        (_keys, _pool, _least, _high) = (keys, pool, least, least);
        Span<ulong> room = stackalloc ulong[NumberList.Together];
        for (int at = 0; at < keys.Count; at += NumberList.Together)
        {
            _high = Math.Max(_high, TensorPrimitives.Max(Read(at, room)));
        }

        _low = _high - least > Octaves ? _high - Octaves : least;
        _shift = ShiftOf(_high - _low, Parts);
        _counts = pool.Rent();
        Span<int> counts = Counts;
        counts.Clear();
        for (int at = 0; at < keys.Count; at += NumberList.Together)
        {
            foreach (ulong key in Read(at, room))
            {
                counts[(int)((Math.Max(key, _low) - _low) >> _shift)]++;
            }
        }
    }

    private Span<int> Counts => MemoryMarshal.Cast<ulong, int>(_counts.AsSpan());

    /// <param name="rank">From 0, the largest first.</param>
    /// <returns>The key, and how many are larger.</returns>
    public (ulong Key, int Above) Find(int rank)
    {
        ReadOnlySpan<int> counts = Counts;
        int part = Parts - 1, above = 0;
        while (rank - above >= counts[part])
        {
            above += counts[part--];
        }

        ulong start = _low + ((ulong)part << _shift), low = part == 0 ? _least : start;
        return Find(rank, low, Math.Min(start + ((1UL << _shift) - 1), _high) - low, above, counts[part]);
    }

    /// <summary>Gives the counts back.</summary>
    public void Release() => _pool.Return(_counts);

    /// <summary>Looks at a range that has a rank.</summary>
    private (ulong Key, int Above) Find(int rank, ulong low, ulong width, int above, int candidates)
    {
        Span<int> counts = stackalloc int[Parts];
        Span<ulong> room = stackalloc ulong[NumberList.Together];
        while (candidates > Few && width > 0)
        {
            int shift = ShiftOf(width, Parts), part = (int)(width >> shift);
            counts.Clear();
            for (int at = 0; at < _keys.Count; at += NumberList.Together)
            {
                foreach (ulong key in Read(at, room))
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

        return width == 0 ? (low, above) : Among(rank, low, width, above);
    }

    /// <summary>Sorts the few that are left.</summary>
    private (ulong Key, int Above) Among(int rank, ulong low, ulong width, int above)
    {
        Span<ulong> few = stackalloc ulong[Few], room = stackalloc ulong[NumberList.Together];
        int count = 0;
        for (int at = 0; at < _keys.Count; at += NumberList.Together)
        {
            foreach (ulong key in Read(at, room))
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

    private ReadOnlySpan<ulong> Read(int at, Span<ulong> room)
    {
        room = room[..Math.Min(room.Length, _keys.Count - at)];
        _keys.CopyTo(at, MemoryMarshal.Cast<ulong, double>(room));
        return room;
    }

    /// <summary>By how much what is above the least key of a range is shifted to give its part.</summary>
    public static int ShiftOf(ulong width, int parts) => Math.Max(0, BitOperations.Log2(width) + 1 - BitOperations.Log2((uint)parts));
}
