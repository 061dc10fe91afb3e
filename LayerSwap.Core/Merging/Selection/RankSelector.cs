using System.Runtime.InteropServices;

namespace LayerSwap.Merging;

/// <summary>
/// Finds exact cuts of rankings without sorting or holding the tensor: bounds around each cut from a fixed sample of elements, one pass that counts what is above them and gathers
/// what is within (after Floyd and Rivest, 1975), and the cut among the gathered. Where the sample misled, or too much lies within, bounds come from histograms over the bits of the keys.
/// </summary>
internal static class RankSelector
{
    /// <summary>The most elements gathered for one cut: 16 bytes each, and 8 for each row beside the keys. Tensors beyond some 126 million elements have more between bounds from a sample, where a cut is near the middle.</summary>
    private const int MostGathered = 1 << 20;

    /// <summary>A tensor of up to so many elements needs no sample: all of it is gathered.</summary>
    private const int GatheredWhole = 1 << 16;

    private const int LeastWindows = 32, MostWindows = 1024, WindowLength = 512, ElementsAWindow = 1 << 16;

    /// <summary>Half the width of the bounds in standard deviations of a sampled rank, doubled since neighbours are alike; and the least of it, for cuts near an end.</summary>
    private const double Deviations = 6, LeastMargin = 24;

    public static Cut[] Select(TensorPasses passes, IRankedKeys keys, params RankRequest[] requests) => [.. SelectAll(passes, keys, requests).Select(s => s.Cut)];

    /// <summary>One cut, and the energies within it of the rows beside the keys, where the pass could tell them.</summary>
    public static MeasuredCut SelectWithEnergies(TensorPasses passes, IRankedKeys keys, RankRequest request) => SelectAll(passes, keys, [request])[0];

    private static MeasuredCut[] SelectAll(TensorPasses passes, IRankedKeys keys, RankRequest[] requests)
    {
        long n = passes.ElementCount;
        MeasuredCut[] cuts = [.. requests.Select(r => new MeasuredCut(r.Rank == 0 ? Cut.None : Cut.All))];
        int[] open = [.. Enumerable.Range(0, requests.Length).Where(i => n > 0 && (requests[i].Share is not null || (requests[i].Rank > 0 && requests[i].Rank < n)))];
        if (open.Length == 0)
        {
            return cuts;
        }

        RankRequest[] asked = [.. open.Select(i => requests[i])];
        int[] missed = Resolve(passes, keys, asked, n <= GatheredWhole ? [.. asked.Select(_ => new KeyBounds(0, long.MaxValue))] : Sampled(passes, keys, asked, n), open, cuts);
        if (missed.Length > 0)
        {
            open = [.. missed.Select(i => open[i])];
            asked = [.. missed.Select(i => asked[i])];
            Resolve(passes, keys, asked, KeyHistogram.Narrow(passes, keys, asked, MostGathered), open, cuts);
        }

        return cuts;
    }

    /// <summary>One pass; gives the places of those whose cut lies outside their bounds. Shares become ranks on the way.</summary>
    private static int[] Resolve(TensorPasses passes, IRankedKeys keys, RankRequest[] asked, KeyBounds[] bounds, int[] targets, MeasuredCut[] cuts)
    {
        GatheredKeys[] gathered = passes.Reduce(new GatherReduction(keys, asked, bounds, MostGathered));
        List<int> missed = [];
        for (int i = 0; i < asked.Length; i++)
        {
            long nonZero = passes.ElementCount - gathered[i].Zeros;
            bool share = asked[i].Share is not null;
            asked[i] = asked[i].Among(nonZero);
            if (share && (nonZero == 0 || asked[i].Rank is 0))
            {
                cuts[targets[i]] = new MeasuredCut(nonZero == 0 ? Cut.All : Cut.None);
            }
            else if (gathered[i].Find(asked[i].Rank, bounds[i]) is not { } found)
            {
                missed.Add(i);
            }
            else
            {
                int ranking = asked[i].Ranking;
                Cut cut = found.Among ?? new Cut(found.Key, TieBreaker.IndexOf(passes, keys, ranking, found.Key, found.Tie, gathered[i].Ties(found.Key == bounds[i].High)));
                cuts[targets[i]] = new MeasuredCut(cut, keys.Rows == 0 ? null : gathered[i].Energies(cut, bounds[i], block => TieBreaker.Energies(passes, keys, ranking, cut, block)));
            }

            gathered[i].Within.Release();
        }

        return [.. missed];
    }

    private static KeyBounds[] Sampled(TensorPasses passes, IRankedKeys keys, RankRequest[] asked, long n)
    {
        int[] rankings = [.. asked.Select(a => a.Ranking).Distinct()];
        SampleReduction sample = new(keys, rankings);
        int windows = (int)Math.Clamp(n / ElementsAWindow, LeastWindows, MostWindows);
        List<ulong>[] found = [.. rankings.Select(_ => new List<ulong>(windows * WindowLength))];
        for (int w = 0; w < windows; w++)
        {
            long start = (n - WindowLength) / (windows - 1) * w;
            sample.Combine(found, passes.Reduce(sample, start, WindowLength));
        }

        return [.. asked.Select(a =>
        {
            Span<ulong> keysFound = CollectionsMarshal.AsSpan(found[Array.IndexOf(rankings, a.Ranking)]);
            double fromTop = a.Share is { } share ? share * (keysFound.Length - keysFound.Count(0UL)) : a.Rank / (double)n * keysFound.Length;
            // Ascending: the place of the cut from the top is the length minus it.
            int middle = keysFound.Length - (int)fromTop;
            int margin = (int)((Deviations * Math.Sqrt(fromTop * middle / keysFound.Length)) + LeastMargin);
            ulong low = middle - margin < 0 ? 0 : QuickSelect.At(keysFound, middle - margin, default(QuickSelect.Ascending));
            // What is left of the place that was selected is smaller.
            Span<ulong> larger = keysFound[Math.Max(middle - margin, 0)..];
            return new KeyBounds(low, middle + margin >= keysFound.Length ? long.MaxValue : QuickSelect.At(larger, Math.Min(2 * margin, middle + margin), default(QuickSelect.Ascending)));
        })];
    }

    /// <summary>All keys of a small part, by ranking.</summary>
    private sealed class SampleReduction(IRankedKeys keys, int[] rankings) : TensorReduction<List<ulong>[]>
    {
        public override List<ulong>[] Create() => [.. rankings.Select(_ => new List<ulong>())];

        public override void Observe<T>(MergeBlock<T> block, List<ulong>[] state)
        {
            for (int i = 0; i < rankings.Length; i++)
            {
                int before = state[i].Count;
                CollectionsMarshal.SetCount(state[i], before + block.Length);
                keys.Keys(block, rankings[i], CollectionsMarshal.AsSpan(state[i])[before..]);
            }
        }

        public override void Combine(List<ulong>[] into, List<ulong>[] from)
        {
            for (int i = 0; i < into.Length; i++)
            {
                into[i].AddRange(CollectionsMarshal.AsSpan(from[i]));
            }
        }
    }
}
