using LayerSwap.Buffers;

namespace LayerSwap.Merging;

/// <summary>Computes the sort keys of elements, in one or several rankings, such as one for each source.</summary>
internal interface IRanking
{
    /// <summary>Computes the keys of a block.</summary>
    /// <param name="block">The block.</param>
    /// <param name="ranking">The index of the ranking.</param>
    /// <param name="keys">Receives one <see cref="SortKey"/> an element.</param>
    void ComputeKeys<T>(in OperandBlock<T> block, int ranking, Span<ulong> keys)
        where T : unmanaged;

    /// <summary>Adds the keys of a block to the candidates of every threshold of one ranking.</summary>
    void AddTo<T>(in OperandBlock<T> block, int ranking, ReadOnlySpan<CandidateSet> candidates)
        where T : unmanaged => AddKeys(this, block, ranking, candidates);

    /// <summary>Adds the keys of a block as float64.</summary>
    static void AddKeys<T>(IRanking ranked, in OperandBlock<T> block, int ranking, ReadOnlySpan<CandidateSet> candidates)
        where T : unmanaged
    {
        using PooledBuffer<ulong> keys = new(block.Length), found = new(block.Length);
        ranked.ComputeKeys(block, ranking, keys.Span);
        foreach (CandidateSet set in candidates)
        {
            KeyCounts counts = KeyKernel.CountWithin(keys.Span, set.Bounds.Low, set.Bounds.High, found.Span);
            set.Add(block.Start, block.Length, counts, found.Span[..(int)counts.Within]);
        }
    }
}

/// <summary>Ranks elements by the magnitude of each source's delta.</summary>
internal sealed class DeltaRanking : IRanking
{
    /// <summary>The number of elements computed at once: few enough that their float32 deltas are nearly always all exact.</summary>
    private const int BatchLength = 2048;

    public void ComputeKeys<T>(in OperandBlock<T> block, int ranking, Span<ulong> keys)
        where T : unmanaged => KeyKernel.ComputeDeltaKeys(block.Base, block[ranking], keys);

    public void AddTo<T>(in OperandBlock<T> block, int ranking, ReadOnlySpan<CandidateSet> candidates)
        where T : unmanaged
    {
        using PooledBuffer<int> keys = new(BatchLength), found = new(BatchLength);
        using PooledBuffer<ulong> wide = new(BatchLength);
        for (int start = 0; start < block.Length; start += BatchLength)
        {
            int length = Math.Min(BatchLength, block.Length - start);
            OperandBlock<T> batch = block.Slice(start, length);
            if (!KeyKernel.TryComputeDeltaKeys(batch.Base, batch[ranking], keys.Span[..length], out _))
            {
                IRanking.AddKeys(this, batch, ranking, candidates);
                continue;
            }

            foreach (CandidateSet set in candidates)
            {
                KeyCounts counts = KeyKernel.CountWithin(keys.Span[..length], set.Bounds.Low, set.Bounds.High, found.Span);
                for (int i = 0; i < counts.Within; i++)
                {
                    wide.Span[i] = BitConverter.DoubleToUInt64Bits(BitConverter.Int32BitsToSingle(found.Span[i]));
                }

                set.Add(batch.Start, length, counts, wide.Span[..(int)counts.Within]);
            }
        }
    }
}
