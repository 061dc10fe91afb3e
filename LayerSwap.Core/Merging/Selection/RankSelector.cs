namespace LayerSwap.Merging;

/// <summary>
/// Finds exact cuts of rankings without sorting or holding the tensor: bounds around each cut from a fixed sample of elements, one pass that counts what is above them and gathers
/// what is within (after Floyd and Rivest, 1975), and the cut among the gathered. Where the sample misled, or too much lies within, bounds come from histograms over the bits of the keys.
/// </summary>
internal static class RankSelector
{
    /// <summary>The most elements gathered for one cut: 4 bytes each for its key and for each row beside, or 8 where no single holds them. Of elements that are independent a cut in the middle has so many between its bounds beyond a few thousand million.</summary>
    private const int MostGathered = 1 << 20;

    /// <summary>A tensor of up to so many elements needs no sample: all of it is gathered.</summary>
    private const int GatheredWhole = 1 << 16;

    private const int LeastWindows = 32, MostWindows = Large / ElementsAWindow, WindowLength = 512, LongWindowLength = 1 << 12, ElementsAWindow = 1 << 16;

    /// <summary>Tensors from so many elements on are sampled twice.</summary>
    private const int Large = 1 << 24;

    /// <summary>Half the width of the bounds in standard deviations of a sampled rank, and the least of it, for cuts near an end.</summary>
    private const double Deviations = 4.5, LeastMargin = 24;

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
        int[] missed = Resolve(passes, keys, asked, n <= GatheredWhole ? [.. asked.Select(_ => KeyBounds.None)] : Sampled(passes, keys, asked, n), open, cuts);
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
        GatheredKeys[] gathered = passes.Reduce(new GatherReduction(keys, [.. asked.Select(a => a.Ranking)], bounds, keys.Rows, MostGathered, passes.Chunks));
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
                (GatheredBlock block, int tie) = gathered[i].Locate(found.Key, found.Tie, bounds[i]);
                Cut cut = new(found.Key, TieBreaker.IndexOf(passes, keys, ranking, found.Key, block, tie));
                cuts[targets[i]] = new MeasuredCut(cut, keys.Rows == 0 ? null : gathered[i].Energies(cut, bounds[i], b => TieBreaker.Energies(passes, keys, ranking, cut, b)));
            }

            gathered[i].Clear();
        }

        return [.. missed];
    }

    /// <summary>Bounds around each cut from windows of the tensor; of a large one from longer windows within these bounds again, so that what lies within grows more slowly than the tensor.</summary>
    private static KeyBounds[] Sampled(TensorPasses passes, IRankedKeys keys, RankRequest[] asked, long n)
    {
        int windows = (int)Math.Max(n / ElementsAWindow, LeastWindows);
        // Cuts of one ranking share the first sample.
        int[] all = [.. asked.Select(a => a.Ranking)], rankings = [.. all.Distinct()];
        KeyBounds[] bounds = Narrowed(rankings, [.. rankings.Select(_ => KeyBounds.None)], [.. all.Select(r => Array.IndexOf(rankings, r))], Math.Min(windows, MostWindows), WindowLength);
        return n < Large ? bounds : Narrowed(all, bounds, [.. Enumerable.Range(0, all.Length)], windows, LongWindowLength);

        KeyBounds[] Narrowed(int[] sampled, KeyBounds[] within, int[] sampleOf, int count, int length)
        {
            GatherReduction reduction = new(keys, sampled, within, 0, MostGathered, passes.Chunks);
            GatheredKeys[] found = reduction.Create();
            passes.Sample(reduction, count, length, found);
            KeyBounds[] narrow = [.. asked.Zip(sampleOf, (a, s) => found[s].Narrow(a, n, within[s], Deviations, LeastMargin))];
            reduction.Clear(found);
            return narrow;
        }
    }
}
