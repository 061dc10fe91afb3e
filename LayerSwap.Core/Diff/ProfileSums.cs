using System.Buffers;
using System.Numerics;
using System.Numerics.Tensors;
using LayerSwap.Streaming;

namespace LayerSwap.Diff;

/// <summary>
/// Sums of absolute deltas by row and by column over consecutive elements of a matrix. Only rows and columns seen so far are held:
/// a chunk of a long row has few columns, a chunk of a narrow matrix few rows.
/// </summary>
/// <param name="columns">The row length.</param>
internal sealed class ProfileSums(long columns)
{
    private Sums _rows = new(64);
    private Sums _columns = new((int)Math.Min(columns, ChunkSizes.ChunkLength));

    /// <summary>The sums of the rows seen; after the whole matrix, of all rows.</summary>
    public ReadOnlySpan<double> Rows => _rows.Values;

    /// <summary>The sums of the columns seen.</summary>
    public ReadOnlySpan<double> Columns => _columns.Values;

    /// <summary>Adds a block of consecutive elements. Each call must start where the previous one ended.</summary>
    public void Observe<T>(ReadOnlySpan<T> @base, ReadOnlySpan<T> fineTuned, long start, DeltaSums into)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        while (!@base.IsEmpty)
        {
            (long row, long column) = Math.DivRem(start, columns);
            int count = (int)Math.Min(columns - column, @base.Length);
            _rows.At(row, 1)[0] += DeltaKernel.ObserveModel(@base[..count], fineTuned[..count], _columns.At(column, count), into);
            @base = @base[count..];
            fineTuned = fineTuned[count..];
            start += count;
        }
    }

    /// <summary>Adds the sums of later elements, and releases them.</summary>
    public void Add(ProfileSums later)
    {
        _rows.Add(ref later._rows);
        _columns.Add(ref later._columns);
        later.Release();
    }

    /// <summary>Discards the sums and returns their memory.</summary>
    public void Release()
    {
        _rows.Release();
        _columns.Release();
    }

    /// <summary>Sums by index, held from the first to the last index seen.</summary>
    /// <param name="capacity">The minimum capacity.</param>
    private struct Sums(int capacity)
    {
        private double[] _values = [];
        private long _first;
        private int _count;

        public readonly ReadOnlySpan<double> Values => _values.AsSpan(0, _count);

        /// <summary>Returns the sums from <paramref name="index"/> on, and extends the range to them if necessary.</summary>
        public Span<double> At(long index, int count)
        {
            if (_count == 0)
            {
                _first = index;
            }

            long first = Math.Min(index, _first), end = Math.Max(index + count, _first + _count);
            if (first < _first || end > _first + _count)
            {
                Extend(first, checked((int)(end - first)));
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

        /// <summary>Extends the range. The array is zero beyond the range, so appending only increases the count.</summary>
        private void Extend(long first, int count)
        {
            int shift = (int)(_first - first);
            if (shift > 0 || count > _values.Length)
            {
                int doubled = (int)Math.Min(2L * _values.Length, Array.MaxLength);
                double[] grown = ArrayPool<double>.Shared.Rent(Math.Max(count, Math.Max(capacity, doubled)));
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
