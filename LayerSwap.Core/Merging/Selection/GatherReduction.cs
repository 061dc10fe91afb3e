using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>The pass over a tensor that counts and gathers, for several cuts at once.</summary>
internal sealed class GatherReduction(IRankedKeys keys, RankRequest[] asked, KeyBounds[] bounds, int most, ChunkPool pool) : TensorReduction<GatheredKeys[]>
{
    public override GatheredKeys[] Create() => [.. asked.Select(_ => new GatheredKeys(keys.Rows, pool))];

    public override void Observe<T>(MergeBlock<T> block, GatheredKeys[] state)
    {
        using Rented<ulong> rentedKeys = new(block.Length), rentedFound = new(block.Length);
        using Rented<double> rentedRows = new(keys.Rows * block.Length);
        using Rented<int> rentedPlaces = new(block.Length + Places.Room);
        Span<ulong> found = rentedFound.Span;
        Span<int> places = rentedPlaces.Span;
        int computed = -1;
        for (int i = 0; i < asked.Length; i++)
        {
            KeyBounds own = bounds[i];
            int ranking = asked[i].Ranking;
            KeyCounts? quick = keys.Rows > 0 ? null : keys.Within(block, ranking, own, places, found);
            if (quick is not { } counts)
            {
                // Several cuts of one ranking share its keys.
                if (computed != ranking)
                {
                    keys.Keys(block, ranking, rentedKeys.Span, rentedRows.Span);
                    computed = ranking;
                }

                counts = KeyKernel.Within(rentedKeys.Span, own.Low, own.High, places);
                for (int j = 0; j < counts.Within; j++)
                {
                    found[j] = rentedKeys.Span[places[j]];
                }
            }

            state[i].Count(block.Start, block.Length, rentedKeys.Span, rentedRows.Span, counts, own);
            state[i].Gather(found[..counts.Within], places[..counts.Within], rentedRows.Span, most);
        }
    }

    public override void Combine(GatheredKeys[] into, GatheredKeys[] from)
    {
        for (int i = 0; i < into.Length; i++)
        {
            into[i].Append(from[i], most);
        }
    }
    internal override bool Clear(GatheredKeys[] state)
    {
        foreach (GatheredKeys gathered in state)
        {
            gathered.Clear();
        }

        return true;
    }
}
