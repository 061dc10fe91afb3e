using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>What one pass finds for one cut: how many keys lie above its bounds, those strictly within, and where the keys upon the bounds are.</summary>
internal sealed class GatheredKeys
{
    public long Above { get; set; }

    public long AtHigh { get; set; }

    public long AtLow { get; set; }

    /// <summary>Keys that are zero; counted only where the request is for a share of the others.</summary>
    public long Zeros { get; set; }

    /// <summary>Whether there were more within than may be gathered.</summary>
    public bool TooMany { get; set; }

    public List<Cut> Within { get; } = [];

    /// <summary>For each block with keys upon a bound: where it starts, and how many.</summary>
    public List<(long Start, int Length, int AtHigh, int AtLow)> Blocks { get; } = [];

    public void Count(long start, int length, KeyCounts counts)
    {
        Above += counts.Above;
        AtHigh += counts.AtHigh;
        AtLow += counts.AtLow;
        if (counts.AtHigh + counts.AtLow > 0)
        {
            Blocks.Add((start, length, counts.AtHigh, counts.AtLow));
        }
    }

    public void Gather(ReadOnlySpan<ulong> keys, ReadOnlySpan<int> places, long start, int most)
    {
        TooMany |= Within.Count + places.Length > most;
        if (TooMany)
        {
            return;
        }

        int first = Within.Count;
        CollectionsMarshal.SetCount(Within, first + places.Length);
        Span<Cut> room = CollectionsMarshal.AsSpan(Within)[first..];
        for (int i = 0; i < places.Length; i++)
        {
            room[i] = new Cut(keys[places[i]], start + places[i]);
        }
    }

    public IEnumerable<(long Start, int Length, int Count)> Ties(bool high) => Blocks.Select(b => (b.Start, b.Length, high ? b.AtHigh : b.AtLow));

    /// <summary>The cut among what was gathered, or which of the keys upon a bound it is; null where it lies outside the bounds.</summary>
    public (Cut? Among, ulong Key, long Tie)? Find(long rank, KeyBounds bounds)
    {
        long left = rank - Above;
        if (left <= 0 || TooMany)
        {
            return null;
        }

        if (left <= AtHigh)
        {
            return (null, bounds.High, left);
        }

        left -= AtHigh;
        if (left <= Within.Count)
        {
            return (QuickSelect.At(CollectionsMarshal.AsSpan(Within), (int)left - 1, default(Cut.Order)), 0, 0);
        }

        left -= Within.Count;
        return left <= AtLow ? (null, bounds.Low, left) : null;
    }
}

/// <summary>The pass over a tensor that counts and gathers, for several cuts at once.</summary>
internal sealed class GatherReduction(IRankedKeys keys, RankRequest[] asked, KeyBounds[] bounds, int most) : TensorReduction<GatheredKeys[]>
{
    public override GatheredKeys[] Create() => [.. asked.Select(_ => new GatheredKeys())];

    public override void Observe<T>(MergeBlock<T> block, GatheredKeys[] state)
    {
        ulong[] found = System.Buffers.ArrayPool<ulong>.Shared.Rent(block.Length);
        int[] places = System.Buffers.ArrayPool<int>.Shared.Rent(block.Length);
        Span<ulong> blockKeys = found.AsSpan(0, block.Length);
        int ranking = -1;
        for (int i = 0; i < asked.Length; i++)
        {
            if (asked[i].Ranking != ranking)
            {
                ranking = asked[i].Ranking;
                keys.Keys(block, ranking, blockKeys);
            }

            KeyCounts counts = KeyKernel.Within(blockKeys, bounds[i].Low, bounds[i].High, places);
            state[i].Zeros += asked[i].Share is null ? 0 : System.MemoryExtensions.Count(blockKeys, 0UL);
            state[i].Count(block.Start, block.Length, counts);
            state[i].Gather(blockKeys, places.AsSpan(0, counts.Within), block.Start, most);
        }

        System.Buffers.ArrayPool<ulong>.Shared.Return(found);
        System.Buffers.ArrayPool<int>.Shared.Return(places);
    }

    public override void Combine(GatheredKeys[] into, GatheredKeys[] from)
    {
        for (int i = 0; i < into.Length; i++)
        {
            into[i].Above += from[i].Above;
            into[i].AtHigh += from[i].AtHigh;
            into[i].AtLow += from[i].AtLow;
            into[i].Zeros += from[i].Zeros;
            into[i].TooMany |= from[i].TooMany || into[i].Within.Count + from[i].Within.Count > most;
            into[i].Blocks.AddRange(from[i].Blocks);
            if (!into[i].TooMany)
            {
                into[i].Within.AddRange(CollectionsMarshal.AsSpan(from[i].Within));
            }
        }
    }
}
