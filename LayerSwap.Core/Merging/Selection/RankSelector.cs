namespace LayerSwap.Merging;

/// <summary>
/// Finds exact cuts of rankings without sorting or holding the tensor: bounds around each cut from a fixed sample of elements, one pass that counts what is above them and gathers
/// what is within (after Floyd and Rivest, 1975), and the cut among the gathered. Where the sample misled, or too much lies within, the pass has counted where it lies, and is repeated with closer bounds.
/// </summary>
internal static class RankSelector
{
    /// <summary>The most elements gathered for one cut: 4 bytes each for its key and for each row beside, or 8 where few of them are singles.</summary>
    private const int MostGathered = 1 << 20;

    /// <summary>With rows beside the keys fewer: another pass over the largest tensors is dear, but memory that grows with them is dearer.</summary>
    private const int MostGatheredWithRows = 1 << 18;

    /// <summary>A tensor of up to so many elements needs no sample: all of it is gathered.</summary>
    private const int GatheredWhole = 1 << 16;

    /// <summary>Where there would be more blocks than so many, of a tensor or of a sample, neighbours are listed as one. Of a tensor also where they have no more elements than so many, which are quickly read again.</summary>
    private const int MostListed = 1 << 12, ListedTogether = 1 << 14;

    private const int LeastWindows = 32, MostWindows = 256, WindowLength = 512, ElementsAWindow = 1 << 16;

    /// <summary>Where more than so many are expected between the bounds, there is another sample.</summary>
    private const int Crowd = 1 << 18;

    /// <summary>Of more windows, for rows are unlike each other, and as short as is worth a read.</summary>
    private const int ShortWindowLength = 128, ElementsAShortWindow = 1 << 12, MostShortWindows = 1 << 16;

    /// <summary>Half the width of the bounds in standard deviations of a sampled rank: of two thousand cuts one lies beyond, and costs a pass over its tensor. And the least of it, for cuts near an end.</summary>
    private const double Deviations = 3.5, LeastMargin = 24;

    public static Cut[] Select(TensorPasses passes, IRankedKeys keys, params RankRequest[] requests) => Array.ConvertAll(SelectAll(passes, keys, requests), s => s.Cut);

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
        KeyBounds[] bounds = n <= GatheredWhole ? [.. asked.Select(_ => KeyBounds.None)] : Sampled(passes, keys, asked, n);
        while (open.Length > 0)
        {
            (int Missed, KeyBounds Closer)[] missed = Resolve(passes, keys, asked, bounds, open, cuts);
            open = [.. missed.Select(m => open[m.Missed])];
            asked = [.. missed.Select(m => asked[m.Missed])];
            bounds = [.. missed.Select(m => m.Closer)];
        }

        return cuts;
    }

    /// <summary>One pass; gives the places of those whose cut was not found, and closer bounds. Shares become ranks on the way.</summary>
    private static (int Missed, KeyBounds Closer)[] Resolve(TensorPasses passes, IRankedKeys keys, RankRequest[] asked, KeyBounds[] bounds, int[] targets, MeasuredCut[] cuts)
    {
        int most = keys.Rows == 0 ? MostGathered : MostGatheredWithRows;
        long together = Math.Max(ListedTogether, PieceOf(passes.ElementCount));
        GatheredKeys[] gathered = passes.Reduce(new GatherReduction(keys, [.. asked.Select(a => a.Ranking)], bounds, keys.Rows, most, together, passes.Chunks));
        List<(int, KeyBounds)> missed = [];
        for (int i = 0; i < asked.Length; i++)
        {
            long nonZero = passes.ElementCount - gathered[i].Zeros;
            bool share = asked[i].Share is not null;
            asked[i] = asked[i].Among(nonZero);
            if (share && asked[i].Rank is 0)
            {
                cuts[targets[i]] = new MeasuredCut(Cut.None);
            }
            else if (gathered[i].Find(asked[i].Rank) is not { } found)
            {
                missed.Add((i, gathered[i].Closer(asked[i].Rank)));
            }
            else
            {
                int ranking = asked[i].Ranking;
                (GatheredBlock block, int tie) = gathered[i].Locate(found.Key, found.Tie);
                Cut cut = new(found.Key, TieBreaker.IndexOf(passes, keys, ranking, found.Key, block, tie));
                cuts[targets[i]] = new MeasuredCut(cut, keys.Rows == 0 ? null : gathered[i].Energies(cut, b => TieBreaker.Energies(passes, keys, ranking, cut, b)));
            }

            gathered[i].Clear();
        }

        return [.. missed];
    }

    /// <summary>Bounds around each cut from windows of the tensor. Where much would lie between them, since the tensor is large or its rows are unlike each other, from more windows within them again.</summary>
    private static KeyBounds[] Sampled(TensorPasses passes, IRankedKeys keys, RankRequest[] asked, long n)
    {
        int[] all = [.. asked.Select(a => a.Ranking)], rankings = [.. all.Distinct()];
        KeyBounds[] none = [.. rankings.Select(_ => KeyBounds.None)];

        // Cuts of one ranking share the first sample.
        int[] sampleOf = [.. all.Select(r => Array.IndexOf(rankings, r))];
        (KeyBounds Bounds, double Share)[] bounds = Narrowed(rankings, none, sampleOf, (int)Math.Clamp(n / ElementsAWindow, LeastWindows, MostWindows), WindowLength);
        if (bounds.Any(b => b.Share * n > Crowd))
        {
            bounds = Narrowed(all, [.. bounds.Select(b => b.Bounds)], [.. Enumerable.Range(0, all.Length)], (int)Math.Clamp(n / ElementsAShortWindow, LeastWindows, MostShortWindows), ShortWindowLength);
        }

        return [.. bounds.Select(b => b.Bounds)];

        (KeyBounds, double)[] Narrowed(int[] sampled, KeyBounds[] within, int[] sampleOf, int windows, int length)
        {
            GatherReduction reduction = new(keys, sampled, within, 0, MostGathered, PieceOf((long)windows * length), passes.Chunks);
            GatheredKeys[] found = reduction.Create();
            passes.Sample(reduction, windows, length, found);
            (KeyBounds, double)[] narrow = [.. asked.Zip(sampleOf, (a, s) => found[s].Narrow(a, n, Deviations, LeastMargin))];
            reduction.Clear(found);
            return narrow;
        }
    }

    /// <summary>The length of pieces of which there are <see cref="MostListed"/> at most.</summary>
    private static long PieceOf(long elements) => (elements + MostListed - 1) / MostListed;
}
