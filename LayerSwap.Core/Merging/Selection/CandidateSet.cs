using System.Numerics.Tensors;
using LayerSwap.Buffers;

namespace LayerSwap.Merging;

/// <summary>
/// The counts of keys relative to the bounds, for one block or several adjacent ones. In a sample, Start is the start of the first window.
/// </summary>
internal readonly record struct BlockCounts(long Start, int Length, KeyCounts Counts)
{
    public BlockCounts Append(BlockCounts next) => new(Start, Length + next.Length, Counts.Add(next.Counts));
}

/// <summary>
/// The candidates for one threshold from one pass: keys strictly between the bounds are gathered, others are counted block by block. If
/// there are too many to gather, they are counted in a <see cref="Histogram"/>, which gives the next pass closer bounds.
/// </summary>
/// <param name="bounds">The bounds.</param>
/// <param name="most">The maximum number of keys to gather.</param>
/// <param name="entryLength">The maximum number of elements of adjacent blocks that share an entry.</param>
/// <param name="pool">The pool of the arrays.</param>
internal sealed class CandidateSet(KeyBounds bounds, int most, long entryLength, ChunkPool pool)
{
    private readonly ChunkList<BlockCounts> _blocks = new(pool);

    /// <summary>The keys strictly between the bounds, in the order of the elements.</summary>
    private readonly ChunkList<ulong> _within = new(pool);

    private KeyCounts _counts;

    /// <summary>The histogram of the keys between the bounds; null while they are gathered.</summary>
    private ulong[]? _bins;

    public KeyBounds Bounds => bounds;

    /// <summary>The number of elements added.</summary>
    public long Elements { get; private set; }

    /// <summary>The number of keys that are zero.</summary>
    public long Zeros => _counts.Zeros;

    private Histogram Histogram => new(_bins, bounds.Low, bounds.High - bounds.Low);

    /// <summary>Adds a block.</summary>
    /// <param name="start">The index of the first element.</param>
    /// <param name="length">The number of elements.</param>
    /// <param name="counts">The counts relative to the bounds.</param>
    /// <param name="within">The keys strictly between the bounds.</param>
    public void Add(long start, int length, KeyCounts counts, ReadOnlySpan<ulong> within)
    {
        Elements += length;
        _counts = _counts.Add(counts);
        BlockCounts block = new(start, length, counts);
        int last = _blocks.Count - 1;
        if (last >= 0 && (long)_blocks[last].Length + length <= entryLength)
        {
            _blocks[last] = _blocks[last].Append(block);
        }
        else
        {
            _blocks.Add(block);
        }

        Gather(within);
    }

    /// <summary>Adds the candidates of later blocks.</summary>
    public void Append(CandidateSet later)
    {
        Elements += later.Elements;
        _counts = _counts.Add(later._counts);
        _blocks.Append(later._blocks);
        if (later._bins is not null)
        {
            UseHistogram();
            TensorPrimitives.Add<ulong>(_bins, later._bins, _bins);
        }

        for (int chunk = 0; chunk < later._within.ChunkCount; chunk++)
        {
            Gather(later._within.GetChunk(chunk));
        }
    }

    /// <summary>
    /// Finds the key of a 1-based rank and its position among equal keys. Null if the rank is outside the bounds, or keys were only
    /// counted; then see <see cref="ComputeCloserBounds"/>.
    /// </summary>
    public (ulong Key, long Tie)? Find(long rank)
    {
        long rest = rank - _counts.Above;
        if (rest <= 0 || _bins is not null)
        {
            return null;
        }

        if (rest <= _counts.AtHigh)
        {
            return (bounds.High, rest);
        }

        rest -= _counts.AtHigh;
        if (rest > _within.Count)
        {
            rest -= _within.Count;
            return rest <= _counts.AtLow ? (bounds.Low, rest) : null;
        }

        using PooledBuffer<ulong> keys = new(_within.Count);
        _within.CopyTo(0, keys.Span);
        (ulong key, int larger) = QuickSelect.Find(keys.Span, (int)rest - 1);
        return (key, rest - larger);
    }

    /// <summary>Computes closer bounds that certainly contain a rank that <see cref="Find"/> did not find.</summary>
    public KeyBounds ComputeCloserBounds(long rank)
    {
        long rest = rank - _counts.Above;
        if (rest <= 0)
        {
            return new KeyBounds(bounds.High, KeyBounds.None.High);
        }

        rest -= _counts.AtHigh;
        return rest <= 0 ? new KeyBounds(bounds.High, bounds.High)
            : _bins is null ? new KeyBounds(KeyBounds.None.Low, bounds.Low)
            : Histogram.Find(rest - 1) ?? new KeyBounds(KeyBounds.None.Low, bounds.Low);
    }

    /// <summary>Finds the block of one of several equal keys, and the key's 1-based position among the equal keys of the block.</summary>
    public (BlockCounts Block, int Tie) Locate(ulong key, long tie)
    {
        foreach ((BlockCounts block, _, long equal) in CountBlocks(key))
        {
            if (tie <= equal)
            {
                return (block, (int)tie);
            }

            tie -= equal;
        }

        throw new InvalidOperationException("The counts of equal keys do not add up.");
    }

    /// <summary>Counts, for each block, the keys larger than a key between the bounds, and the keys equal to it.</summary>
    public IEnumerable<(BlockCounts Block, long Larger, long Equal)> CountBlocks(ulong key)
    {
        int at = 0;
        for (int b = 0; b < _blocks.Count; at += (int)_blocks[b].Counts.Within, b++)
        {
            KeyCounts counts = _blocks[b].Counts;
            long above = counts.Above + counts.AtHigh;
            if (key == bounds.High)
            {
                yield return (_blocks[b], counts.Above, counts.AtHigh);
            }
            else if (key == bounds.Low)
            {
                yield return (_blocks[b], above + counts.Within, counts.AtLow);
            }
            else
            {
                int larger = 0, equal = 0;
                for (int i = at; i < at + counts.Within; i++)
                {
                    larger += _within[i] > key ? 1 : 0;
                    equal += _within[i] == key ? 1 : 0;
                }

                yield return (_blocks[b], above + larger, equal);
            }
        }
    }

    /// <summary>Empties the set and returns its arrays.</summary>
    public void Clear()
    {
        (Elements, _counts) = (0, default);
        _blocks.Release();
        _within.Release();
        if (_bins is not null)
        {
            pool.Return(_bins);
            _bins = null;
        }
    }

    private void Gather(ReadOnlySpan<ulong> within)
    {
        if (_within.Count + within.Length > most)
        {
            UseHistogram();
        }

        if (_bins is null)
        {
            _within.Add(within);
        }
        else
        {
            Histogram.Add(within);
        }
    }

    private void UseHistogram()
    {
        if (_bins is null)
        {
            _bins = pool.Rent();
            _bins.AsSpan().Clear();
            for (int chunk = 0; chunk < _within.ChunkCount; chunk++)
            {
                Histogram.Add(_within.GetChunk(chunk));
            }

            _within.Release();
        }
    }
}
