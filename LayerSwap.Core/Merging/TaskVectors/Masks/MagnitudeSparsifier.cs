using LayerSwap.Buffers;

namespace LayerSwap.Merging;

/// <summary>
/// Keeps the largest deltas except outliers: drops the largest <c>int(gamma n)</c> and keeps the next <c>int(density n)</c>. With gamma 0
/// this is magnitude pruning.
/// </summary>
internal sealed class MagnitudeSparsifier(double[] densities, double[] gammas, long elements) : ISparsifier
{
    /// <summary>The thresholds of each source: for outliers, and for outliers and kept elements together.</summary>
    private readonly (RankThreshold Outliers, RankThreshold Kept)[] _thresholds = new (RankThreshold, RankThreshold)[densities.Length];

    public long RowLength => 1;

    public bool KeepsAll(int source) => densities[source] >= 1;

    public ISparsifier Prepare(TensorPasses passes)
    {
        int[] sources = [.. Enumerable.Range(0, densities.Length).Where(s => !KeepsAll(s))];
        List<RankRequest> requests = [];
        foreach (int source in sources)
        {
            long kept = (long)(densities[source] * elements);
            // If both do not fit, drop fewer outliers.
            long outliers = Math.Min((long)(gammas[source] * elements), elements - kept);
            requests.Add(new RankRequest(source, outliers));
            requests.Add(new RankRequest(source, outliers + kept));
        }

        MagnitudeSparsifier prepared = new(densities, gammas, elements);
        RankThreshold[] found = RankSelector.Select(passes, new DeltaRanking(), [.. requests]);
        for (int i = 0; i < sources.Length; i++)
        {
            prepared._thresholds[sources[i]] = (found[2 * i], found[(2 * i) + 1]);
        }

        return prepared;
    }

    public void ComputeMask<T>(in OperandBlock<T> block, int source, Span<ulong> mask)
        where T : unmanaged
    {
        (RankThreshold outliers, RankThreshold kept) = _thresholds[source];
        // The lowest and highest key to keep change at the indices of the thresholds, which few blocks contain.
        using PooledBuffer<ulong> part = new(BitMask.WordCount(block.Length));
        for (int done = 0, count; done < block.Length; done += count)
        {
            long index = block.Start + done;
            count = Math.Min(kept.CountAlike(index, block.Length - done), outliers.CountAlike(index, block.Length - done));
            if (kept.LowestIncludedKey(index) is { } low && (outliers.LowestIncludedKey(index) ?? long.MaxValue + 1UL) is var end
                && low < end)
            {
                MaskKernel.MaskBetween(block.Base.Slice(done, count), block[source].Slice(done, count), low, end - 1, part.Span);
            }
            else
            {
                part.Span.Clear();
            }

            BitMask.Copy(part.Span, 0, mask, done, count);
        }
    }
}
