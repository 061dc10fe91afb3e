using LayerSwap.Merging;
using LayerSwap.Numerics;

namespace LayerSwap.Tests.Merging.Selection;

/// <summary>What is found block by block and appended part by part, against a sort of everything.</summary>
public sealed class GatheredKeysTests
{
    private const int Most = 100_000;

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
            KeyBounds bounds = round % 3 == 0 ? new(0, long.MaxValue) : round % 3 == 1 ? new(Cut.KeyOf(values[^2]), Cut.KeyOf(values[^2])) : new(Cut.KeyOf(values[3]), Cut.KeyOf(values[^3]));
            List<(ulong Key, double[] Values)> all = [];
            GatheredKeys total = new(rows, pool), own = new(rows, pool);
            foreach (int part in (int[])[1, 3, 0, 9])
            {
                for (int block = 0; block < part; block++)
                {
                    int length = random.Next(1, 1500);
                    ulong[] keys = [.. Enumerable.Range(0, length).Select(_ => Cut.KeyOf(values[random.Next(values.Length)]))];
                    double[] beside = [.. Enumerable.Range(0, rows * length).Select(_ => random.NextDouble() - 0.5)];
                    int[] places = new int[length];
                    KeyCounts counts = KeyKernel.Within(keys, bounds.Low, bounds.High, places);
                    own.Count(all.Count, length, keys, beside, counts, bounds);
                    own.Gather([.. places[..counts.Within].Select(p => keys[p])], places.AsSpan(0, counts.Within), beside, Most);
                    all.AddRange(keys.Select((k, i) => (k, Enumerable.Range(0, rows).Select(r => beside[(r * length) + i]).ToArray())));
                }

                total.Append(own, Most);
                own.Clear();
            }

            (Cut Cut, double[] Values)[] sorted = [.. all.Select((a, i) => (new Cut(a.Key, i), a.Values)).OrderByDescending(a => a.Item1.Key).ThenBy(a => a.Item1.Index)];
            for (int rank = 1; rank <= sorted.Length; rank += 1 + random.Next(sorted.Length / 40))
            {
                Cut expected = sorted[rank - 1].Cut;
                if (total.Find(rank, bounds) is not { } found)
                {
                    Assert.True(expected.Key > bounds.High || expected.Key < bounds.Low);
                    continue;
                }

                Assert.Equal(expected.Key, found.Key);
                (GatheredBlock block, int tie) = total.Locate(found.Key, found.Tie, bounds);
                int[] equal = [.. Enumerable.Range((int)block.Start, block.Length).Where(i => all[i].Key == found.Key)];
                Assert.Equal(expected.Index, equal[tie - 1]);
                double[] sums = total.Energies(expected, bounds, b =>
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

    [Fact]
    public void Where_there_is_too_much_within_nothing_is_found_there_and_the_arrays_go_back()
    {
        ChunkPool pool = new();
        KeyBounds bounds = new(0, long.MaxValue);
        GatheredKeys gathered = new(0, pool);
        ulong[] keys = [.. Enumerable.Range(1, 1000).Select(i => Cut.KeyOf(i))];
        int[] places = [.. Enumerable.Range(0, 1000)];
        for (int block = 0; block < 3; block++)
        {
            Assert.Equal(block > 0, gathered.Find(1, bounds) is not null);
            gathered.Count(block * 1000, 1000, keys, [], KeyKernel.Within(keys, bounds.Low, bounds.High, new int[1000]), bounds);
            gathered.Gather(keys, places, [], 2500);
        }

        Assert.Null(gathered.Find(1, bounds));
        Assert.NotEqual(0, pool.Count);
        gathered.Clear();
        Assert.Null(gathered.Find(1, bounds));
        gathered.Count(0, 1000, keys, [], KeyKernel.Within(keys, bounds.Low, bounds.High, new int[1000]), bounds);
        gathered.Gather(keys, places, [], 2500);
        Assert.Equal((Cut.KeyOf(1000.0), 1L), gathered.Find(1, bounds));
    }
}
