using LayerSwap.Merging;

namespace LayerSwap.Tests.Merging.Selection;

/// <summary>Lists that are joined, against plain sorted ones.</summary>
public sealed class GatheredCutsTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void What_is_added_and_joined_is_all_there_and_ranked(int rows)
    {
        System.Random random = new(rows);
        for (int round = 0; round < 12; round++)
        {
            KeyBounds bounds = round % 3 == 0 ? new(1000, 1009) : round % 3 == 1 ? new(0, long.MaxValue) : new(0x3F40_0000_0000_0000, 0x3F48_0000_0000_0000);
            List<(Cut Cut, double[] Values)> all = [];
            GatheredCuts total = new(rows);
            long start = 0;
            foreach (int part in (int[])[0, 5, 2048, 1, 4100, 0, 2047, 1, 6000])
            {
                GatheredCuts own = new(rows);
                // Blocks of any length, none, one or all of whose elements are gathered.
                for (int left = part; left > 0 || part == 0;)
                {
                    int count = Math.Min(left, random.Next(700)), length = count + random.Next(5);
                    int[] places = [.. Enumerable.Range(0, length).OrderBy(_ => random.Next()).Take(count).Order()];
                    ulong[] keys = [.. places.Select(_ => bounds.Low + 1 + ((ulong)random.NextInt64() % (bounds.High - bounds.Low - 1)))];
                    double[] beside = [.. Enumerable.Range(0, rows * length).Select(_ => random.NextDouble() - 0.5)];
                    own.Add(keys, places, start, beside);
                    all.AddRange(places.Select((p, i) => (new Cut(keys[i], start + p), Enumerable.Range(0, rows).Select(r => beside[(r * length) + p]).ToArray())));
                    start += length;
                    left -= count;
                    if (part == 0)
                    {
                        break;
                    }
                }

                total.Join(own);
                Assert.Equal(0, own.Count);
            }

            Assert.Equal(all.Count, total.Count);
            Cut[] sorted = [.. all.Select(a => a.Cut).OrderByDescending(c => c.Key).ThenBy(c => c.Index)];
            foreach (int rank in (int[])[0, 1, 100, all.Count / 2, all.Count - 2, all.Count - 1])
            {
                Cut cut = total.Select(rank, bounds);
                Assert.Equal(sorted[rank], cut);
                double[] sums = new double[rows];
                total.AddEnergies(cut, sums);
                for (int row = 0; row < rows; row++)
                {
                    Assert.Equal(all.Where(a => a.Cut.Key > cut.Key || (a.Cut.Key == cut.Key && a.Cut.Index <= cut.Index)).Sum(a => a.Values[row] * a.Values[row]), sums[row], 1e-9);
                }
            }

            total.Release();
            Assert.Equal(0, total.Count);
        }
    }
}
