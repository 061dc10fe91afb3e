using LayerSwap.Buffers;
using LayerSwap.Merging;

namespace LayerSwap.Tests.Merging;

public sealed class SampleBoundsTests
{
    private const int Windows = 64, WindowLength = 500;

    private const long Elements = 10_000_000;

    /// <summary>Keys of the sample are drawn from 0 to 1, where the key of every share is known.</summary>
    [Theory]
    [InlineData(0.0001)]
    [InlineData(0.2)]
    [InlineData(0.5)]
    [InlineData(0.9999)]
    public void Bounds_nearly_always_have_the_key_of_the_rank_and_few_others(double share)
    {
        int misses = 0;
        for (int seed = 0; seed < 20; seed++)
        {
            CandidateSet sample = Sample(new Random(seed), alike: false);
            foreach (RankRequest request in (RankRequest[])[new RankRequest(0, (long)(share * Elements)),
                RankRequest.ForNonZeroShare(0, share)])
            {
                (KeyBounds bounds, double expected) = SampleBounds.Compute(sample, request, Elements);
                misses += SortKey.Of(1 - share) >= bounds.Low && SortKey.Of(1 - share) <= bounds.High ? 0 : 1;
                Assert.InRange(expected, 0, 0.03);
            }
        }

        Assert.InRange(misses, 0, 2);
    }

    [Fact]
    public void Windows_that_differ_widen_the_bounds()
    {
        RankRequest request = new(0, Elements / 2);
        double even = SampleBounds.Compute(Sample(new Random(1), alike: false), request, Elements).Share;
        double uneven = SampleBounds.Compute(Sample(new Random(1), alike: true), request, Elements).Share;
        Assert.InRange(uneven, 5 * even, 1);
    }

    private static CandidateSet Sample(Random random, bool alike)
    {
        CandidateSet sample = new(KeyBounds.None, 1 << 19, 0, new ChunkPool());
        for (int window = 0; window < Windows; window++)
        {
            double scale = alike ? random.NextDouble() : 1;
            ulong[] keys = [.. Enumerable.Range(0, WindowLength).Select(_ => SortKey.Of(scale * (1 - random.NextDouble())))],
                found = new ulong[keys.Length];
            KeyCounts counts = KeyKernel.CountWithin(keys, sample.Bounds.Low, sample.Bounds.High, found);
            sample.Add(window * Elements / Windows, keys.Length, counts, found.AsSpan(0, (int)counts.Within));
        }

        return sample;
    }
}
