using LayerSwap.Merging;

namespace LayerSwap.Tests.Merging;

public sealed class QuickSelectTests
{
    private static readonly Dictionary<string, Func<Random, int, int, double>> Orders = new(StringComparer.Ordinal)
    {
        ["float32"] = (r, _, _) => r.NextSingle(),
        ["float64"] = (r, _, _) => r.NextDouble(),
        ["any size"] = (r, _, _) => BitConverter.Int64BitsToDouble(r.NextInt64()),
        ["three values"] = (r, _, _) => r.Next(3),
        ["one value"] = (_, _, _) => 0.25,
        ["one far away"] = (r, i, _) => i == 0 ? 1e300 : r.Next(2) * 1e-300,
        ["non-finite"] = (r, _, _) => r.Next(5) switch { 0 => double.NaN, 1 => double.PositiveInfinity, _ => r.NextDouble() },
        ["sorted"] = (_, i, _) => i,
        ["reversed"] = (_, i, n) => n - i,
        ["organ pipe"] = (_, i, n) => Math.Min(i, n - 1 - i),
        ["well"] = (_, i, n) => Math.Max(i, n - 1 - i),
        ["saw"] = (_, i, n) => i % (1 + (n / 10)),
        ["interleaved"] = (_, i, n) => i % 2 == 0 ? i : n - i,
    };

    public static TheoryData<string> Names => [.. Orders.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_rank_is_that_of_a_sort(string order)
    {
        Random random = new(7);
        foreach (int count in (int[])[1, 2, 31, 32, 33, 511, 5000, 40_000])
        {
            ulong[] keys = [.. Enumerable.Range(0, count).Select(i => SortKey.Of(Orders[order](random, i, count)))],
                sorted = [.. keys.OrderDescending()];
            foreach (int rank in ((int[])[0, 1, count / 100, count / 2, count - 2, count - 1]).Where(r => r >= 0 && r < count))
            {
                (ulong, int) expected = (sorted[rank], Array.IndexOf(sorted, sorted[rank])), found = QuickSelect.Find([.. keys], rank);
                Assert.True(expected == found, $"rank {rank} of {count}: {found}, expected {expected}");
            }
        }
    }

    /// <summary>Each partition of an organ pipe removes two keys: without a bound on partitions this would take days.</summary>
    [Fact]
    public void No_order_takes_quadratic_time()
    {
        const int count = 20_000_000;
        ulong[] keys = new ulong[count];
        for (int i = 0; i < count; i++)
        {
            keys[i] = (ulong)Math.Min(i, count - 1 - i);
        }

        Assert.Equal(((ulong)(count / 2) - 1, 0), QuickSelect.Find(keys, 0));
    }
}
