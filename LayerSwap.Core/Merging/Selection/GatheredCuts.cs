using System.Buffers;
using System.Numerics;

namespace LayerSwap.Merging;

/// <summary>Elements that a cut may lie upon, in arrays that are lent: lists join without copying, and none grows. In no order.</summary>
internal sealed class GatheredCuts
{
    private const int ArrayLength = 1 << 11;

    /// <summary>Keys are counted in so many parts of the range that they lie in.</summary>
    private const int Parts = 1 << 12;

    /// <summary>All but the last are full.</summary>
    private readonly List<Cut[]> _arrays = [];

    public int Count { get; private set; }

    /// <param name="keys">The keys.</param>
    /// <param name="places">Where each is, from <paramref name="start"/> on.</param>
    /// <param name="start">An index.</param>
    public void Add(ReadOnlySpan<ulong> keys, ReadOnlySpan<int> places, long start)
    {
        while (!keys.IsEmpty)
        {
            Span<Cut> room = Room(keys.Length);
            for (int i = 0; i < room.Length; i++)
            {
                room[i] = new Cut(keys[i], start + places[i]);
            }

            keys = keys[room.Length..];
            places = places[room.Length..];
        }
    }

    /// <summary>Takes all of another's, which is not used after.</summary>
    public void Join(GatheredCuts other)
    {
        int full = other.Count / ArrayLength;
        _arrays.InsertRange(Count / ArrayLength, other._arrays[..full]);
        Count += full * ArrayLength;
        for (ReadOnlySpan<Cut> rest = other.Count > full * ArrayLength ? other._arrays[full].AsSpan(0, other.Count % ArrayLength) : []; !rest.IsEmpty;)
        {
            Span<Cut> room = Room(rest.Length);
            rest[..room.Length].CopyTo(room);
            rest = rest[room.Length..];
        }

        other._arrays.RemoveRange(0, full);
        other.Release();
    }

    /// <summary>The element of a rank, from 0. Only the part of the range that it lies in is looked at closely.</summary>
    /// <param name="rank">In the order of cuts.</param>
    /// <param name="bounds">All keys lie within.</param>
    public Cut Select(int rank, KeyBounds bounds)
    {
        int shift = Math.Max(0, BitOperations.Log2(bounds.High - bounds.Low) + 1 - BitOperations.Log2(Parts)), part = Parts - 1;
        Span<int> counts = stackalloc int[Parts];
        counts.Clear();
        for (int a = 0; a < _arrays.Count; a++)
        {
            foreach (ref readonly Cut cut in Filled(a))
            {
                counts[(int)((cut.Key - bounds.Low) >> shift)]++;
            }
        }

        while (rank >= counts[part])
        {
            rank -= counts[part--];
        }

        Cut[] found = ArrayPool<Cut>.Shared.Rent(counts[part]);
        int next = 0;
        for (int a = 0; a < _arrays.Count; a++)
        {
            foreach (ref readonly Cut cut in Filled(a))
            {
                if ((int)((cut.Key - bounds.Low) >> shift) == part)
                {
                    found[next++] = cut;
                }
            }
        }

        Cut selected = QuickSelect.At(found.AsSpan(0, next), rank, default(Cut.Order));
        ArrayPool<Cut>.Shared.Return(found);
        return selected;
    }

    /// <summary>Gives the arrays back.</summary>
    public void Release()
    {
        foreach (Cut[] array in _arrays)
        {
            ArrayPool<Cut>.Shared.Return(array);
        }

        _arrays.Clear();
        Count = 0;
    }

    private ReadOnlySpan<Cut> Filled(int array) => _arrays[array].AsSpan(0, Math.Min(ArrayLength, Count - (array * ArrayLength)));

    /// <summary>Room for so many more, or as many as fit in the last array.</summary>
    private Span<Cut> Room(int wanted)
    {
        int at = Count % ArrayLength;
        if (at == 0)
        {
            _arrays.Add(ArrayPool<Cut>.Shared.Rent(ArrayLength));
        }

        int count = Math.Min(wanted, ArrayLength - at);
        Count += count;
        return _arrays[^1].AsSpan(at, count);
    }
}
