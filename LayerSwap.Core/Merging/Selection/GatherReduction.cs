using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>What one pass finds for one cut: how many keys lie above its bounds, those strictly within, and where the keys upon the bounds are.</summary>
internal sealed class GatheredKeys
{
    public long Above { get; set; }

    public long AtHigh { get; set; }

    public long AtLow { get; set; }

    /// <summary>Keys that are zero.</summary>
    public long Zeros { get; set; }

    /// <summary>Whether there were more within than may be gathered.</summary>
    public bool TooMany { get; set; }

    public GatheredCuts Within { get; } = new();

    /// <summary>For each block with keys upon a bound: where it starts, and how many.</summary>
    public List<(long Start, int Length, int AtHigh, int AtLow)> Blocks { get; } = [];

    public void Count(long start, int length, KeyCounts counts)
    {
        Above += counts.Above;
        AtHigh += counts.AtHigh;
        AtLow += counts.AtLow;
        Zeros += counts.Zeros;
        if (counts.AtHigh + counts.AtLow > 0)
        {
            Blocks.Add((start, length, counts.AtHigh, counts.AtLow));
        }
    }

    /// <param name="keys">Those strictly within.</param>
    /// <param name="places">Where in the block they are.</param>
    /// <param name="start">The block's first index.</param>
    /// <param name="most">The most that may be gathered.</param>
    public void Gather(ReadOnlySpan<ulong> keys, ReadOnlySpan<int> places, long start, int most)
    {
        TooMany |= Within.Count + places.Length > most;
        if (TooMany)
        {
            Within.Release();
        }
        else
        {
            Within.Add(keys, places, start);
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
            return (Within.Select((int)left - 1, bounds), 0, 0);
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
        using Rented<ulong> rentedKeys = new(block.Length), rentedFound = new(block.Length);
        using Rented<int> rentedPlaces = new(block.Length + Places.Room);
        Span<ulong> found = rentedFound.Span;
        Span<int> places = rentedPlaces.Span;
        int computed = -1;
        for (int i = 0; i < asked.Length; i++)
        {
            KeyBounds own = bounds[i];
            int ranking = asked[i].Ranking;
            if (keys.Within(block, ranking, own, places, found) is not { } counts)
            {
                // Several cuts of one ranking share its keys.
                if (computed != ranking)
                {
                    keys.Keys(block, ranking, rentedKeys.Span);
                    computed = ranking;
                }

                counts = KeyKernel.Within(rentedKeys.Span, own.Low, own.High, places);
                for (int j = 0; j < counts.Within; j++)
                {
                    found[j] = rentedKeys.Span[places[j]];
                }
            }

            state[i].Count(block.Start, block.Length, counts);
            state[i].Gather(found[..counts.Within], places[..counts.Within], block.Start, most);
        }
    }

    public override void Combine(GatheredKeys[] into, GatheredKeys[] from)
    {
        for (int i = 0; i < into.Length; i++)
        {
            into[i].Above += from[i].Above;
            into[i].AtHigh += from[i].AtHigh;
            into[i].AtLow += from[i].AtLow;
            into[i].Zeros += from[i].Zeros;
            into[i].Blocks.AddRange(from[i].Blocks);
            into[i].Within.Join(from[i].Within);
            into[i].TooMany |= from[i].TooMany || into[i].Within.Count > most;
            if (into[i].TooMany)
            {
                into[i].Within.Release();
            }
        }
    }
}
