using LayerSwap.Merging;

namespace LayerSwap.Tests.Merging;

public sealed class HistogramTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(7, 1)]
    [InlineData(7, Histogram.Bins - 1)]
    [InlineData(7, Histogram.Bins)]
    [InlineData(1UL << 62, 1_000_003)]
    [InlineData(0, long.MaxValue)]
    public void The_bin_of_a_rank_is_closer_than_the_range_and_has_its_key(ulong low, ulong width)
    {
        Random random = new(8);
        ulong[] keys = [.. Enumerable.Range(0, 3000)
            .Select(i => low + (i % 7) switch { 0 => 0, 1 => width, _ => (ulong)random.NextInt64(long.MaxValue) % (width + 1) })];
        Histogram histogram = new(new ulong[Histogram.Bins], low, width);
        histogram.Add(keys);
        ulong[] sorted = [.. keys.OrderDescending()];
        for (int rank = 0; rank < keys.Length; rank += 13)
        {
            KeyBounds? found = histogram.Find(rank);
            Assert.NotNull(found);
            Assert.True(found.Low <= sorted[rank] && sorted[rank] <= found.High, $"rank {rank}: {sorted[rank]} is outside {found}");
            Assert.True(found.Low >= low && found.High <= low + width && found.High - found.Low <= width / (Histogram.Bins / 2),
                $"rank {rank}: {found}");
        }

        Assert.Null(histogram.Find(keys.Length));
    }
}
