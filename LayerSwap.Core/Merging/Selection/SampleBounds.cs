namespace LayerSwap.Merging;

/// <summary>Bounds for a threshold of a whole tensor, from a sample of its elements.</summary>
internal static class SampleBounds
{
    /// <summary>
    /// Half the width of the bounds, in standard deviations of a sampled rank: about one threshold in two thousand is outside, and costs
    /// another pass.
    /// </summary>
    private const double Deviations = 3.5;

    /// <summary>The minimum half width in ranks, for thresholds near an end.</summary>
    private const double LeastMargin = 24;

    /// <summary>
    /// Computes the bounds. The error of a sampled rank is estimated from the differences between windows, because neighbouring elements
    /// are correlated.
    /// </summary>
    /// <param name="sample">The candidates of the sample, one block for each window.</param>
    /// <param name="request">The requested threshold.</param>
    /// <param name="elements">The number of elements of the tensor.</param>
    /// <returns>The bounds, and the share of elements expected between them.</returns>
    public static (KeyBounds Bounds, double Share) Compute(CandidateSet sample, RankRequest request, long elements)
    {
        double wanted = request.Share is { } share
            ? share * (sample.Elements - sample.Zeros)
            : request.Rank / (double)elements * sample.Elements;
        if (sample.Find(Math.Min((long)wanted + 1, sample.Elements)) is not { } middle)
        {
            return (sample.Bounds, 1);
        }

        Spread larger = default, notSmaller = default;
        foreach ((BlockCounts block, long above, long equal) in sample.CountBlocks(middle.Key))
        {
            double expected = request.Share is { } part ? part * (block.Length - block.Counts.Zeros) : 0;
            larger.Add(above - expected);
            notSmaller.Add(above + equal - expected);
        }

        double margin = (Deviations * Math.Max(larger.OfSum, notSmaller.OfSum)) + LeastMargin;
        double first = wanted - margin, last = wanted + margin;
        ulong low = last < sample.Elements && sample.Find((long)last + 1) is { } lower ? lower.Key : sample.Bounds.Low;
        ulong high = first >= 0 && sample.Find((long)first + 1) is { } upper ? upper.Key : sample.Bounds.High;
        return (new KeyBounds(low, high), 2 * margin / sample.Elements);
    }

    /// <summary>Estimates the standard deviation of a sum from its terms.</summary>
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
}
