using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>
/// Finds exact cuts of rankings without sorting or holding the tensor: bounds around each cut from a fixed sample of elements, one pass that counts what is above them and gathers
/// what is within (after Floyd and Rivest, 1975), and the cut among the gathered. Where the sample misled, or too much lies within, bounds come from histograms over the bits of the keys.
/// </summary>
internal static class RankSelector
{
    /// <summary>The most elements gathered for one cut: 4 bytes each for its key and for each row beside, or 8 where no single holds them. Tensors beyond some 126 million elements have more between bounds from a sample, where a cut is near the middle.</summary>
    private const int MostGathered = 1 << 20;

    /// <summary>A tensor of up to so many elements needs no sample: all of it is gathered.</summary>
    private const int GatheredWhole = 1 << 16;

    private const int LeastWindows = 32, MostWindows = 1024, WindowLength = 512, ElementsAWindow = 1 << 16;

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
        GatheredKeys[] gathered = passes.Reduce(new GatherReduction(keys, asked, bounds, MostGathered, passes.Chunks));
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

    /// <summary>Bounds around each cut. How far a rank in the sample may be off is told by how much its windows differ: neighbours are alike, in some tensors more than in others.</summary>
    private static KeyBounds[] Sampled(TensorPasses passes, IRankedKeys keys, RankRequest[] asked, long n)
    {
        int[] rankings = [.. asked.Select(a => a.Ranking).Distinct()];
        NumberList[] samples = [.. rankings.Select(_ => new NumberList(passes.Chunks))];
        SampleReduction reduction = new(keys, rankings, samples);
        int windows = (int)Math.Clamp(n / ElementsAWindow, LeastWindows, MostWindows);
        for (int w = 0; w < windows; w++)
        {
            passes.Reduce(reduction, (n - WindowLength) / (windows - 1) * w, WindowLength);
        }

        KeyBounds[] bounds = [.. asked.Select(a => Around(a, n, samples[Array.IndexOf(rankings, a.Ranking)]))];
        Array.ForEach(samples, s => s.Release());
        return bounds;
    }

    private static KeyBounds Around(RankRequest asked, long n, NumberList sample)
    {
        KeyBounds all = new(0, long.MaxValue);
        Span<ulong> window = stackalloc ulong[WindowLength];
        Span<double> numbers = MemoryMarshal.Cast<ulong, double>(window);
        long nonZero = 0;
        for (int at = 0; at < sample.Count && asked.Share is not null; at += WindowLength)
        {
            sample.CopyTo(at, numbers);
            nonZero += WindowLength - window.Count(0UL);
        }

        double wanted = asked.Share is { } share ? share * nonZero : asked.Rank / (double)n * sample.Count;
        ulong middle = KeySearch.Find(sample, (int)Math.Min(wanted, sample.Count - 1), all).Key;
        Spread above = default, upon = default;
        for (int at = 0; at < sample.Count; at += WindowLength)
        {
            sample.CopyTo(at, numbers);
            double expected = asked.Share is { } part ? part * (WindowLength - window.Count(0UL)) : 0;
            int larger = 0, equal = 0;
            foreach (ulong key in window)
            {
                larger += key > middle ? 1 : 0;
                equal += key == middle ? 1 : 0;
            }

            above.Add(larger - expected);
            upon.Add(larger + equal - expected);
        }

        double margin = (Deviations * Math.Max(above.OfSum, upon.OfSum)) + LeastMargin, first = wanted - margin, last = wanted + margin;
        return new KeyBounds(last >= sample.Count ? 0 : KeySearch.Find(sample, (int)last, all).Key, first < 0 ? long.MaxValue : KeySearch.Find(sample, (int)first, all).Key);
    }

    /// <summary>The standard deviation of a sum, from what is added up.</summary>
    private struct Spread
    {
        private double _sum, _squares;
        private int _count;

        public readonly double OfSum => Math.Sqrt(Math.Max(_squares - (_sum * _sum / _count), 0));

        public void Add(double value)
        {
            _sum += value;
            _squares += value * value;
            _count++;
        }
    }

    /// <summary>All keys of a small part, by ranking. A window is one section, observed by whoever asked for it: its keys go straight to the samples.</summary>
    private sealed class SampleReduction(IRankedKeys keys, int[] rankings, NumberList[] samples) : TensorReduction<NumberList[]>
    {
        public override NumberList[] Create() => samples;

        public override void Observe<T>(MergeBlock<T> block, NumberList[] state)
        {
            using Rented<ulong> found = new(block.Length);
            for (int i = 0; i < rankings.Length; i++)
            {
                keys.Keys(block, rankings[i], found.Span);
                state[i].Add(MemoryMarshal.Cast<ulong, double>(found.Span));
            }
        }

        public override void Combine(NumberList[] into, NumberList[] from)
        {
        }
    }
}
