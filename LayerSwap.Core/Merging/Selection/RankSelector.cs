using LayerSwap.Buffers;

namespace LayerSwap.Merging;

/// <summary>
/// Finds exact thresholds of rankings without sorting or holding the tensor (after Floyd and Rivest, 1975). A sample gives bounds around
/// each threshold; one pass counts keys outside and gathers keys between them; a selection finds the threshold. A pass that misses gives
/// closer bounds and is repeated.
/// </summary>
internal static class RankSelector
{
    /// <summary>The maximum number of keys gathered for one threshold, 8 bytes each.</summary>
    private const int MostGathered = 1 << 19;

    /// <summary>The maximum number of elements of a tensor that is gathered whole, without a sample.</summary>
    private const int GatheredWhole = 1 << 16;

    /// <summary>The maximum number of listed blocks; and the number of elements of adjacent blocks that always share an entry.</summary>
    private const int MostListed = 1 << 12, ListedTogether = 1 << 14;

    private const int LeastWindows = 32, MostWindows = 256, WindowLength = 512, ElementsAWindow = 1 << 16;

    /// <summary>The expected number of elements between the bounds above which a second sample narrows them.</summary>
    private const int Crowd = 1 << 17;

    /// <summary>The second sample has more and shorter windows, because rows differ.</summary>
    private const int ShortWindowLength = 128, ElementsAShortWindow = 1 << 12, MostShortWindows = 1 << 16;

    /// <summary>Finds the threshold of each request.</summary>
    public static RankThreshold[] Select(TensorPasses passes, IRanking ranking, params RankRequest[] requests)
    {
        long n = passes.ElementCount;
        RankThreshold[] thresholds = [.. requests.Select(r => r.Rank == 0 ? RankThreshold.None : RankThreshold.All)];
        int[] targets = n == 0 ? []
            : [.. Enumerable.Range(0, requests.Length).Where(i => requests[i].Share is not null
                || (requests[i].Rank > 0 && requests[i].Rank < n))];
        RankRequest[] pending = [.. targets.Select(i => requests[i])];
        KeyBounds[] bounds = n <= GatheredWhole ? [.. pending.Select(_ => KeyBounds.None)] : Sample(passes, ranking, pending, n);
        while (targets.Length > 0)
        {
            (int Missed, KeyBounds Closer)[] missed = Resolve(passes, ranking, pending, bounds, targets, thresholds);
            targets = [.. missed.Select(m => targets[m.Missed])];
            pending = [.. missed.Select(m => pending[m.Missed])];
            bounds = [.. missed.Select(m => m.Closer)];
        }

        return thresholds;
    }

    /// <summary>
    /// Makes one pass, resolving shares to ranks. Returns the requests whose threshold was not found, with closer bounds.
    /// </summary>
    private static (int Missed, KeyBounds Closer)[] Resolve(
        TensorPasses passes, IRanking ranking, RankRequest[] pending, KeyBounds[] bounds, int[] targets, RankThreshold[] thresholds)
    {
        long entryLength = Math.Max(ListedTogether, PieceOf(passes.ElementCount));
        CandidateSet[] candidates = passes.Reduce(new CandidateReduction(
            ranking, [.. pending.Select(a => a.Ranking)], bounds, MostGathered, entryLength, passes.Chunks));
        List<(int, KeyBounds)> missed = [];
        for (int i = 0; i < pending.Length; i++)
        {
            bool isShare = pending[i].Share is not null;
            pending[i] = pending[i].ResolveShare(passes.ElementCount - candidates[i].Zeros);
            if (isShare && pending[i].Rank == 0)
            {
                thresholds[targets[i]] = RankThreshold.None;
            }
            else if (candidates[i].Find(pending[i].Rank) is var (key, tie))
            {
                (BlockCounts block, int tieInBlock) = candidates[i].Locate(key, tie);
                thresholds[targets[i]] = new(key, TieBreaker.FindIndex(passes, ranking, pending[i].Ranking, key, block, tieInBlock));
            }
            else
            {
                missed.Add((i, candidates[i].ComputeCloserBounds(pending[i].Rank)));
            }

            candidates[i].Clear();
        }

        return [.. missed];
    }

    /// <summary>Samples bounds around each threshold; samples again within them if too many elements are expected there.</summary>
    private static KeyBounds[] Sample(TensorPasses passes, IRanking ranking, RankRequest[] pending, long n)
    {
        int[] all = [.. pending.Select(a => a.Ranking)], rankings = [.. all.Distinct()];
        KeyBounds[] none = [.. rankings.Select(_ => KeyBounds.None)];

        // Thresholds of one ranking share the first sample.
        int[] sampleOf = [.. all.Select(r => Array.IndexOf(rankings, r))];
        int windows = (int)Math.Clamp(n / ElementsAWindow, LeastWindows, MostWindows);
        (KeyBounds Bounds, double Share)[] bounds = Narrow(rankings, none, sampleOf, windows, WindowLength);
        if (bounds.Any(b => b.Share * n > Crowd))
        {
            windows = (int)Math.Clamp(n / ElementsAShortWindow, LeastWindows, MostShortWindows);
            bounds = Narrow(all, [.. bounds.Select(b => b.Bounds)], [.. Enumerable.Range(0, all.Length)], windows, ShortWindowLength);
        }

        return [.. bounds.Select(b => b.Bounds)];

        (KeyBounds, double)[] Narrow(int[] sampled, KeyBounds[] within, int[] sampleOf, int windows, int length)
        {
            CandidateReduction reduction = new(ranking, sampled, within, MostGathered, PieceOf((long)windows * length), passes.Chunks);
            CandidateSet[] found = reduction.Create();
            passes.Sample(reduction, windows, length, found);
            (KeyBounds, double)[] narrow = [.. pending.Zip(sampleOf, (a, s) => SampleBounds.Compute(found[s], a, n))];
            reduction.Clear(found);
            return narrow;
        }
    }

    /// <summary>Computes the length of pieces such that there are at most <see cref="MostListed"/>.</summary>
    private static long PieceOf(long elements) => (elements + MostListed - 1) / MostListed;

    /// <summary>The pass that adds every block to the candidates of every threshold.</summary>
    private sealed class CandidateReduction(
        IRanking ranking, int[] rankings, KeyBounds[] bounds, int most, long entryLength, ChunkPool pool)
        : GenericReduction<CandidateSet[]>
    {
        public override CandidateSet[] Create() => [.. bounds.Select(b => new CandidateSet(b, most, entryLength, pool))];

        protected override void Add<T>(in OperandBlock<T> block, CandidateSet[] state)
        {
            // Adjacent thresholds of one ranking share its keys.
            for (int first = 0, end; first < rankings.Length; first = end)
            {
                end = first + 1;
                while (end < rankings.Length && rankings[end] == rankings[first])
                {
                    end++;
                }

                ranking.AddTo(block, rankings[first], state.AsSpan()[first..end]);
            }
        }

        public override void Combine(CandidateSet[] into, CandidateSet[] from)
        {
            for (int i = 0; i < into.Length; i++)
            {
                into[i].Append(from[i]);
            }
        }

        public override bool Clear(CandidateSet[] state)
        {
            Array.ForEach(state, s => s.Clear());
            return true;
        }
    }
}
