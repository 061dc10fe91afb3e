using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Finds keys by rank in a list that is not sorted and does not change: keys are counted once, by the part of their range that they lie in, and the part that has a rank is looked at closely.</summary>
internal sealed class KeyIndex
{
    private const int Few = 1 << 10;

    /// <summary>The octaves below the largest key that have parts of their own: much smaller are few, but zeros.</summary>
    private const ulong Octaves = 64UL << 52;

    private readonly NumberList _keys;
    private readonly ChunkPool _pool;
    private readonly ulong[] _counts;

    /// <summary>The smallest key that may be there, the first that has a part of its own, and the largest.</summary>
    private readonly ulong _least, _low, _high;

    /// <param name="keys">The keys, as the numbers that they are the bits of.</param>
    /// <param name="least">None is smaller.</param>
    /// <param name="pool">Lends the counts.</param>
    public KeyIndex(NumberList keys, ulong least, ChunkPool pool)
    {
        (_keys, _pool, _least, _high) = (keys, pool, least, least);
        Span<ulong> room = stackalloc ulong[NumberList.Together];
        for (int at = 0; at < keys.Count; at += NumberList.Together)
        {
            foreach (ulong key in Read(at, room))
            {
                _high = Math.Max(_high, key);
            }
        }

        _low = _high - least > Octaves ? _high - Octaves : least;
        _counts = pool.Rent();
        _counts.AsSpan().Clear();
        for (int at = 0; at < keys.Count; at += NumberList.Together)
        {
            Span<ulong> piece = Read(at, room);
            foreach (ref ulong key in piece)
            {
                key = Math.Max(key, _low);
            }

            Parts.Add(piece);
        }
    }

    private KeyParts Parts => new(_counts, _low, _high - _low);

    /// <param name="rank">From 0, the largest first.</param>
    /// <returns>The key, and how many are larger.</returns>
    public (ulong Key, int Above) Find(int rank)
    {
        long left = rank;
        (ulong low, ulong width, ulong count) = Parts.Find(ref left)!.Value;
        if (low == _low)
        {
            // All that are smaller are counted there.
            (low, width) = (_least, low + width - _least);
        }

        Span<ulong> counts = stackalloc ulong[KeyParts.Count];
        while (count > Few && width > 0)
        {
            KeyParts parts = new(counts, low, width);
            counts.Clear();
            parts.Add(_keys);
            (low, width, count) = parts.Find(ref left)!.Value;
        }

        int above = rank - (int)left;
        return width == 0 ? (low, above) : Among((int)left, low, width, above);
    }

    /// <summary>Gives the counts back.</summary>
    public void Release() => _pool.Return(_counts);

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
        ulong found = few[^(rank + 1)];
        return (found, above + count - 1 - few.LastIndexOf(found));
    }

    private Span<ulong> Read(int at, Span<ulong> room)
    {
        room = room[..Math.Min(room.Length, _keys.Count - at)];
        _keys.CopyTo(at, MemoryMarshal.Cast<ulong, double>(room));
        return room;
    }
}
