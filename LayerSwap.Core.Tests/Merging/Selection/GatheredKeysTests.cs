using LayerSwap.Buffers;
using LayerSwap.Merging;
using LayerSwap.Numerics;

namespace LayerSwap.Tests.Merging.Selection;

/// <summary>What is found block by block and appended part by part, against a sort of everything.</summary>
public sealed class GatheredKeysTests
{
    private const int Most = 100_000;

    private const int Together = 1 << 14;

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(2, false)]
    [InlineData(3, true)]
    public void Ranks_are_found_and_located_and_measured(int rows, bool doubles)
    {
        System.Random random = new(rows);
        ChunkPool pool = new();
        for (int round = 0; round < 6; round++)
        {
            // Few values, so that many are equal, upon the bounds too.
            double[] values = [.. Enumerable.Range(0, round < 2 ? 12 : 3000).Select(i => doubles ? 1 + (i / 3e3) : 1 + (i / 4096.0))];
            KeyBounds bounds = round % 3 == 0 ? new(0, long.MaxValue) : round % 3 == 1 ? new(RankThreshold.KeyOf(values[^2]), RankThreshold.KeyOf(values[^2])) : new(RankThreshold.KeyOf(values[3]), RankThreshold.KeyOf(values[^3]));
            List<(ulong Key, double[] Values)> all = [];
            GatheredKeys total = new(rows, bounds, Most, Together, pool), own = new(rows, bounds, Most, Together, pool);
            foreach (int part in (int[])[1, 3, 0, 9])
            {
                for (int block = 0; block < part; block++)
                {
                    int length = random.Next(1, 1500);
                    ulong[] keys = [.. Enumerable.Range(0, length).Select(_ => RankThreshold.KeyOf(values[random.Next(values.Length)]))];
                    double[] beside = [.. Enumerable.Range(0, rows * length).Select(_ => random.NextDouble() - 0.5)];
                    own.Add(all.Count, keys, beside);
                    all.AddRange(keys.Select((k, i) => (k, Enumerable.Range(0, rows).Select(r => beside[(r * length) + i]).ToArray())));
                }

                total.Append(own);
                own.Clear();
            }

            (RankThreshold Cut, double[] Values)[] sorted = [.. all.Select((a, i) => (new RankThreshold(a.Key, i), a.Values)).OrderByDescending(a => a.Item1.Key).ThenBy(a => a.Item1.Index)];
            for (int rank = 1; rank <= sorted.Length; rank += 1 + random.Next(sorted.Length / 40))
            {
                RankThreshold expected = sorted[rank - 1].Cut;
                if (total.Find(rank) is not { } found)
                {
                    Assert.True(expected.Key > bounds.High || expected.Key < bounds.Low);
                    Assert.InRange(expected.Key, total.Closer(rank).Low, total.Closer(rank).High);
                    continue;
                }

                Assert.Equal(expected.Key, found.Key);
                (GatheredBlock block, int tie) = total.Locate(found.Key, found.Tie);
                int[] equal = [.. Enumerable.Range((int)block.Start, block.Length).Where(i => all[i].Key == found.Key)];
                Assert.Equal(expected.Index, equal[tie - 1]);
                double[] sums = total.Energies(expected, b =>
                {
                    Assert.Equal(block, b);
                    return [.. Enumerable.Range(0, rows).Select(r => equal.Take(tie).Sum(i => all[i].Values[r] * all[i].Values[r]))];
                });
                for (int row = 0; row < rows; row++)
                {
                    Assert.Equal(sorted.Take(rank).Sum(s => s.Values[row] * s.Values[row]), sums[row], 1e-9);
                }
            }

            total.Clear();
        }
    }

    [Theory]
    [InlineData(0, 10)]
    [InlineData(1600, 1)]
    public void Neighbours_are_listed_as_one_up_to_a_length(int together, int arrays)
    {
        ChunkPool pool = new();
        GatheredKeys gathered = new(0, new KeyBounds(5, 6), Most, together, pool);
        for (int block = 0; block < 5000; block++)
        {
            gathered.Add(block * 16L, [.. Enumerable.Range(0, 16).Select(i => block == 777 && i == 3 ? 5UL : 1UL)], []);
        }

        (GatheredBlock found, int tie) = gathered.Locate(5, 1);
        Assert.Equal(1, tie);
        Assert.InRange(777 * 16, found.Start, found.End - 1);
        gathered.Clear();
        Assert.Equal(arrays, pool.Count);
    }

    /// <summary>The ranks above, upon and below bounds that are not all there is, with and without too much between them.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(10_000)]
    public void Closer_bounds_are_in_order_and_have_the_rank_wherever_it_lies(int most)
    {
        ulong[] keys = [.. Enumerable.Range(0, 4000).Select(i => RankThreshold.KeyOf(i < 100 ? 3 : i < 500 ? 2 : i < 3000 ? 1 + (i / 4096.0) : i < 3400 ? 1 : 0.5))];
        KeyBounds bounds = new(RankThreshold.KeyOf(1), RankThreshold.KeyOf(2));
        GatheredKeys gathered = new(0, bounds, most, Together, new ChunkPool());
        gathered.Add(0, keys, []);
        ulong[] sorted = [.. keys.OrderDescending()];
        foreach (int rank in (int[])[1, 100, 101, 300, 500, 501, 1000, 3000, 3001, 3400, 3401, 4000])
        {
            KeyBounds closer = gathered.Closer(rank);
            if (gathered.Find(rank) is { } found)
            {
                Assert.Equal(sorted[rank - 1], found.Key);
            }
            else
            {
                Assert.InRange(closer.Low, 0UL, closer.High);
                Assert.InRange(closer.High, 0UL, (ulong)long.MaxValue);
                Assert.InRange(sorted[rank - 1], closer.Low, closer.High);
            }
        }
    }

    [Theory]
    [InlineData(3000)]
    [InlineData(150)]
    [InlineData(0)]
    public void Where_there_is_too_much_within_it_is_counted_and_the_next_bounds_are_closer(int most)
    {
        System.Random random = new(most);
        ChunkPool pool = new();
        ulong[] keys = [.. Enumerable.Range(0, 5000).Select(i => RankThreshold.KeyOf(i % 5 == 0 ? 1 : random.NextDouble()))];
        ulong[] sorted = [.. keys.OrderDescending()];
        foreach (int rank in (int[])[1, 900, 1001, 2500, 5000])
        {
            KeyBounds bounds = KeyBounds.None;
            for (int passes = 1; ; passes++)
            {
                Assert.InRange(passes, 1, 8);
                GatheredKeys total = new(0, bounds, most, Together, pool);
                for (int start = 0; start < keys.Length; start += 500)
                {
                    // Some go to a part of their own first.
                    GatheredKeys own = start % 1000 == 0 ? total : new(0, bounds, most, Together, pool);
                    own.Add(start, keys.AsSpan(start, 500), []);
                    if (own != total)
                    {
                        total.Append(own);
                        own.Clear();
                    }
                }

                if (total.Find(rank) is { } found)
                {
                    Assert.Equal((sorted[rank - 1], rank - (long)Array.IndexOf(sorted, sorted[rank - 1])), found);
                    break;
                }

                KeyBounds closer = total.Closer(rank);
                Assert.InRange(sorted[rank - 1], closer.Low, closer.High);
                Assert.True(closer.High - closer.Low < bounds.High - bounds.Low);
                bounds = closer;
                total.Clear();
            }
        }
    }
}
