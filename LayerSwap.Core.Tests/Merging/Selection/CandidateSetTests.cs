using LayerSwap.Buffers;
using LayerSwap.Merging;

namespace LayerSwap.Tests.Merging;

/// <summary>Compares candidates that are added block by block and appended part by part with a sort of all keys.</summary>
public sealed class CandidateSetTests
{
    private const int Most = 100_000, Together = 1 << 14;

    [Fact]
    public void Ranks_are_found_and_located()
    {
        Random random = new(1);
        ChunkPool pool = new();
        for (int round = 0; round < 12; round++)
        {
            // Few distinct keys, so that many are equal, also to the bounds.
            ulong[] distinct = [.. Enumerable.Range(0, round < 4 ? 12 : 3000).Select(i => SortKey.Of(1 + (i / 3e3)))];
            KeyBounds bounds = (round % 3) switch
            {
                0 => KeyBounds.None,
                1 => new(distinct[^2], distinct[^2]),
                _ => new(distinct[3], distinct[^3])
            };
            List<ulong> keys = [];
            CandidateSet all = new(bounds, Most, Together, pool), own = new(bounds, Most, Together, pool);
            foreach (int blocks in (int[])[1, 3, 0, 9])
            {
                for (int block = 0; block < blocks; block++)
                {
                    ulong[] added = [.. Enumerable.Range(0, random.Next(1, 1500)).Select(_ => distinct[random.Next(distinct.Length)])];
                    Add(own, keys.Count, added);
                    keys.AddRange(added);
                }

                all.Append(own);
                own.Clear();
            }

            (ulong Key, int Index)[] sorted = [.. keys.Select((k, i) => (k, i)).OrderByDescending(k => k.k).ThenBy(k => k.i)];
            for (int rank = 1; rank <= sorted.Length; rank += 1 + random.Next(sorted.Length / 40))
            {
                (ulong key, int index) = sorted[rank - 1];
                if (all.Find(rank) is not (var found, var tie))
                {
                    Assert.True(key > bounds.High || key < bounds.Low,
                        $"round {round}, rank {rank} is within the bounds and was not found");
                    continue;
                }

                (BlockCounts block, int tieInBlock) = all.Locate(found, tie);
                int[] equal = [.. Enumerable.Range((int)block.Start, block.Length).Where(i => keys[i] == found)];
                Assert.True((key, index) == (found, equal[tieInBlock - 1]), $"round {round}, rank {rank}");
            }

            all.Clear();
        }
    }

    [Theory]
    [InlineData(0, 13)]
    [InlineData(1600, 1)]
    public void Neighbouring_blocks_share_an_entry_up_to_a_length(int together, int arrays)
    {
        ChunkPool pool = new();
        CandidateSet candidates = new(new KeyBounds(5, 6), Most, together, pool);
        for (int block = 0; block < 5000; block++)
        {
            Add(candidates, block * 16L, [.. Enumerable.Range(0, 16).Select(i => block == 777 && i == 3 ? 5UL : 1UL)]);
        }

        (BlockCounts found, int tie) = candidates.Locate(5, 1);
        Assert.Equal(1, tie);
        Assert.InRange(777 * 16, found.Start, found.Start + found.Length - 1);
        candidates.Clear();
        Assert.InRange(pool.FreeCount, 1, together == 0 ? int.MaxValue : arrays);
        Assert.True(together > 0 || pool.FreeCount > 1);
    }

    [Theory]
    [InlineData(3000)]
    [InlineData(150)]
    [InlineData(0)]
    public void Closer_bounds_lead_to_every_rank_in_few_passes(int most)
    {
        Random random = new(most);
        ChunkPool pool = new();
        ulong[] keys = [.. Enumerable.Range(0, 5000).Select(i => SortKey.Of(i % 5 == 0 ? 1 : i % 5 == 1 ? 0 : random.NextDouble()))];
        ulong[] sorted = [.. keys.OrderDescending()];
        foreach (KeyBounds first in (KeyBounds[])[KeyBounds.None,
            new(SortKey.Of(0.3), SortKey.Of(0.6)), new(0, 0), new(SortKey.NaN, SortKey.NaN)])
        {
            foreach (int rank in (int[])[1, 900, 1001, 2500, 3999, 4001, 5000])
            {
                KeyBounds bounds = first;
                for (int passes = 1; ; passes++)
                {
                    Assert.True(passes <= 9, $"rank {rank} from {first} took {passes} passes");
                    CandidateSet all = new(bounds, most, Together, pool);
                    for (int start = 0; start < keys.Length; start += 500)
                    {
                        // Every other block is appended.
                        CandidateSet own = start % 1000 == 0 ? all : new(bounds, most, Together, pool);
                        Add(own, start, keys.AsSpan(start, 500));
                        if (own != all)
                        {
                            all.Append(own);
                            own.Clear();
                        }
                    }

                    if (all.Find(rank) is { } found)
                    {
                        Assert.Equal((sorted[rank - 1], rank - (long)Array.IndexOf(sorted, sorted[rank - 1])), found);
                        break;
                    }

                    bounds = all.ComputeCloserBounds(rank);
                    Assert.True(bounds.Low <= sorted[rank - 1] && sorted[rank - 1] <= bounds.High, $"rank {rank} is outside {bounds}");
                    all.Clear();
                }
            }
        }
    }

    private static void Add(CandidateSet candidates, long start, ReadOnlySpan<ulong> keys)
    {
        ulong[] found = new ulong[keys.Length];
        KeyCounts counts = KeyKernel.CountWithin(keys, candidates.Bounds.Low, candidates.Bounds.High, found);
        candidates.Add(start, keys.Length, counts, found.AsSpan(0, (int)counts.Within));
    }
}
