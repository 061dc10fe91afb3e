using System.Buffers;
using System.Numerics;
using System.Numerics.Tensors;
using LayerSwap.Numerics;
using LayerSwap.Streaming;

namespace LayerSwap.Diff;

/// <summary>
/// The absolute changes of consecutive elements of a matrix, summed by row and by column. Holds the rows and columns it has met and no more: a section of a long row is a few
/// columns, a section of a narrow matrix a few rows.
/// </summary>
/// <param name="columns">The length of a row.</param>
internal sealed class ProfileSums(long columns)
{
    private Sums _rows = new(64);
    private Sums _columns = new((int)Math.Min(columns, ChunkSizes.Length));

    /// <summary>The sums of the rows met, the first row of the matrix first once all is met.</summary>
    public ReadOnlySpan<double> Rows => _rows.Values;

    /// <summary>The sums of the columns met.</summary>
    public ReadOnlySpan<double> Columns => _columns.Values;

    /// <summary>Adds elements that follow one another, to their rows and columns and to the sums of all; several calls follow one another too.</summary>
    public void Observe<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, long start, DeltaSums into)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        while (!origin.IsEmpty)
        {
            (long row, long column) = Math.DivRem(start, columns);
            int count = (int)Math.Min(columns - column, origin.Length);
            _rows.At(row, 1)[0] += DeltaKernel.Observe(origin[..count], tuned[..count], _columns.At(column, count), into);
            origin = origin[count..];
            tuned = tuned[count..];
            start += count;
        }
    }

    /// <summary>Adds what comes after all that is in here, and empties it.</summary>
    public void Add(ProfileSums later)
    {
        _rows.Add(ref later._rows);
        _columns.Add(ref later._columns);
        later.Release();
    }

    /// <summary>Gives the memory back; what was gathered is gone.</summary>
    public void Release()
    {
        _rows.Release();
        _columns.Release();
    }

    /// <summary>Sums under consecutive numbers, of which those from the first to the last one met are held.</summary>
    /// <param name="capacity">Room for so many at least.</param>
    private struct Sums(int capacity)
    {
        private double[] _values = [];
        private long _first;
        private int _count;

        public readonly ReadOnlySpan<double> Values => _values.AsSpan(0, _count);

        /// <summary>The sums from <paramref name="index"/> on, held from now on.</summary>
        public Span<double> At(long index, int count)
        {
            if (_count == 0)
            {
                _first = index;
            }

            long first = Math.Min(index, _first), end = Math.Max(index + count, _first + _count);
            if (first < _first || end > _first + _count)
            {
                Hold(first, checked((int)(end - first)));
            }

            return _values.AsSpan((int)(index - _first), count);
        }

        public void Add(ref Sums later)
        {
            if (later._count > 0)
            {
                Span<double> into = At(later._first, later._count);
                ReadOnlySpan<double> from = later.Values;
                TensorPrimitives.Add(into, from, into);
            }
        }

        public void Release()
        {
            if (_values.Length > 0)
            {
                ArrayPool<double>.Shared.Return(_values);
            }

            (_values, _count) = ([], 0);
        }

        /// <summary>Beyond what is held the array is zero, so that holding more is mostly a matter of counting.</summary>
        private void Hold(long first, int count)
        {
            int shift = (int)(_first - first);
            if (shift > 0 || count > _values.Length)
            {
                double[] grown = ArrayPool<double>.Shared.Rent(Math.Max(count, Math.Max(capacity, (int)Math.Min(2L * _values.Length, Array.MaxLength))));
                Array.Clear(grown);
                Values.CopyTo(grown.AsSpan(shift));
                (double[] old, _values) = (_values, grown);
                if (old.Length > 0)
                {
                    ArrayPool<double>.Shared.Return(old);
                }
            }

            (_first, _count) = (first, count);
        }
    }
}
