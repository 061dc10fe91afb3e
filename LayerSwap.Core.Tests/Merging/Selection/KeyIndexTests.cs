using LayerSwap.Buffers;
using LayerSwap.Merging;
using LayerSwap.Numerics;

namespace LayerSwap.Tests.Merging.Selection;

/// <summary>Ranks in lists that are not sorted, against a sort.</summary>
public sealed class KeyIndexTests
{
    public static TheoryData<string> Shapes => [.. Keys.Keys];

    private static Dictionary<string, Func<System.Random, double>> Keys { get; } = new(StringComparer.Ordinal)
    {
        ["singles"] = r => (float)r.NextDouble(),
        ["doubles"] = r => r.NextDouble(),
        ["of all sizes"] = r => BitConverter.UInt64BitsToDouble(Math.Min((ulong)r.NextInt64(), KeyKernel.NotANumber)),
        ["few values"] = r => r.Next(3),
        ["one value"] = _ => 0.25,
        ["neighbours"] = r => BitConverter.UInt64BitsToDouble(0x3FF0_0000_0000_0000 + (ulong)r.Next(3000)),
        ["one far away"] = r => r.Next(4000) == 0 ? 1e300 : r.Next(2) * 1e-300,
        ["zeros and others far apart"] = r => r.Next(3) == 0 ? 0 : Math.Pow(2, r.Next(-1000, 1000)),
        ["all but not numbers"] = r => r.Next(5) == 0 ? double.NaN : r.Next(5) == 0 ? double.PositiveInfinity : r.NextDouble(),
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_rank_is_that_of_a_sort(string shape)
    {
        System.Random random = new(7);
        ChunkPool pool = new();
        foreach (int count in (int[])[1, 2, 511, 512, 513, 5000, 40_000])
        {
            double[] numbers = [.. Enumerable.Range(0, count).Select(_ => Math.Abs(Keys[shape](random)))];
            ulong[] sorted = [.. numbers.Select(RankThreshold.KeyOf).OrderDescending()];
            NumberList list = new(pool);
            list.Add(numbers);
            KeyIndex wide = new(list, 0, pool), narrow = new(list, sorted[^1], pool);
            foreach (int rank in (int[])[0, 1, count / 100, count / 2, count - 2, count - 1])
            {
                if (rank < 0 || rank >= count)
                {
                    continue;
                }

                (ulong, int) expected = (sorted[rank], Array.IndexOf(sorted, sorted[rank]));
                Assert.Equal(expected, wide.Find(rank));
                Assert.Equal(expected, narrow.Find(rank));
            }

            list.Release();
            wide.Release();
            narrow.Release();
        }
    }
}
