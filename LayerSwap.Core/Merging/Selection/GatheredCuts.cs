using System.Buffers;
using System.Numerics;

namespace LayerSwap.Merging;

/// <summary>Elements that a cut may lie upon, and the squares of what is in the rows beside their keys, in arrays that are lent: lists join without copying, and none grows. In no order.</summary>
internal sealed class GatheredCuts(int rows)
{
    private const int ArrayLength = 1 << 11;

    /// <summary>Keys are counted in so many parts of the range that they lie in.</summary>
    private const int Parts = 1 << 12;

    /// <summary>All but the last are full.</summary>
    private readonly List<Cut[]> _arrays = [];

    /// <summary>Beside each of these, the squares, one element's after another's; empty where there are no rows.</summary>
    private readonly List<double[]> _squares = [];

    public int Count { get; private set; }

    /// <param name="keys">The keys.</param>
    /// <param name="places">Where each is, from <paramref name="start"/> on.</param>
    /// <param name="start">An index.</param>
    /// <param name="beside">The rows of the block that the places are in, one after another.</param>
    public void Add(ReadOnlySpan<ulong> keys, ReadOnlySpan<int> places, long start, ReadOnlySpan<double> beside)
    {
        int length = rows == 0 ? 0 : beside.Length / rows;
        while (!keys.IsEmpty)
        {
            Span<Cut> room = Room(keys.Length, out Span<double> squares);
            for (int i = 0; i < room.Length; i++)
            {
                room[i] = new Cut(keys[i], start + places[i]);
                for (int row = 0; row < rows; row++)
                {
                    double value = beside[(row * length) + places[i]];
                    squares[(i * rows) + row] = value * value;
                }
            }

            keys = keys[room.Length..];
            places = places[room.Length..];
        }
    }

    /// <summary>Takes all of another's, which is not used after.</summary>
    public void Join(GatheredCuts other)
    {
        int full = other.Count / ArrayLength;
        Insert(_arrays, other._arrays);
        Insert(_squares, other._squares);
        Count += full * ArrayLength;
        if (other._arrays.Count > 0)
        {
            ReadOnlySpan<Cut> rest = other._arrays[0].AsSpan(0, other.Count % ArrayLength);
            ReadOnlySpan<double> beside = other._squares[0].AsSpan(0, rest.Length * rows);
            while (!rest.IsEmpty)
            {
                Span<Cut> room = Room(rest.Length, out Span<double> squares);
                rest[..room.Length].CopyTo(room);
                beside[..squares.Length].CopyTo(squares);
                rest = rest[room.Length..];
                beside = beside[squares.Length..];
            }
        }

        other.Release();

        void Insert<T>(List<T[]> into, List<T[]> from)
        {
            into.InsertRange(Count / ArrayLength, from[..full]);
            from.RemoveRange(0, full);
        }
    }

    /// <summary>Adds the squares of those that are within a cut.</summary>
    public void AddEnergies(Cut cut, Span<double> into)
    {
        for (int a = 0; a < _squares.Count; a++)
        {
            ReadOnlySpan<Cut> cuts = Filled(a);
            for (int i = 0; i < cuts.Length; i++)
            {
                for (int row = 0; row < rows && cut.Includes(cuts[i].Key, cuts[i].Index); row++)
                {
                    into[row] += _squares[a][(i * rows) + row];
                }
            }
        }
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

        // Not lent: arrays of this many sizes would stay in the pool.
        Cut[] found = GC.AllocateUninitializedArray<Cut>(counts[part]);
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

        return QuickSelect.At(found.AsSpan(), rank, default(Cut.Order));
    }

    /// <summary>Gives the arrays back.</summary>
    public void Release()
    {
        _arrays.ForEach(a => ArrayPool<Cut>.Shared.Return(a));
        _squares.ForEach(a => ArrayPool<double>.Shared.Return(a));
        _arrays.Clear();
        _squares.Clear();
        Count = 0;
    }

    private ReadOnlySpan<Cut> Filled(int array) => _arrays[array].AsSpan(0, Math.Min(ArrayLength, Count - (array * ArrayLength)));

    /// <summary>Room for so many more, or as many as fit in the last array.</summary>
    private Span<Cut> Room(int wanted, out Span<double> squares)
    {
        int at = Count % ArrayLength;
        if (at == 0)
        {
            _arrays.Add(ArrayPool<Cut>.Shared.Rent(ArrayLength));
            _squares.Add(ArrayPool<double>.Shared.Rent(ArrayLength * rows));
        }

        int count = Math.Min(wanted, ArrayLength - at);
        Count += count;
        squares = _squares[^1].AsSpan(at * rows, count * rows);
        return _arrays[^1].AsSpan(at, count);
    }
}
