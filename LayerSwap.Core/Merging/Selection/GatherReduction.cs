using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>The pass over a tensor that counts and gathers, for several cuts at once.</summary>
/// <param name="keys">Gives the keys.</param>
/// <param name="rankings">The ranking of each cut.</param>
/// <param name="bounds">The bounds of each.</param>
/// <param name="rows">How many rows beside the keys are measured: none or all.</param>
/// <param name="most">The most that may be gathered for one cut.</param>
/// <param name="pool">Lends the arrays.</param>
internal sealed class GatherReduction(IRankedKeys keys, int[] rankings, KeyBounds[] bounds, int rows, int most, ChunkPool pool) : TensorReduction<GatheredKeys[]>
{
    public override GatheredKeys[] Create() => [.. bounds.Select(b => new GatheredKeys(rows, b, most, pool))];

    public override void Observe<T>(MergeBlock<T> block, GatheredKeys[] state)
    {
        using Rented<ulong> rentedKeys = new(block.Length), rentedFound = new(block.Length);
        using Rented<double> rentedRows = new(rows * block.Length);
        using Rented<int> rentedPlaces = new(block.Length + Places.Room);
        Span<ulong> found = rentedFound.Span;
        Span<int> places = rentedPlaces.Span;
        int computed = -1;
        for (int i = 0; i < rankings.Length; i++)
        {
            KeyBounds own = bounds[i];
            int ranking = rankings[i];
            KeyCounts? quick = rows > 0 ? null : keys.Within(block, ranking, own, places, found);
            if (quick is not { } counts)
            {
                // Several cuts of one ranking share its keys.
                if (computed != ranking)
                {
                    if (rows > 0)
                    {
                        keys.Keys(block, ranking, rentedKeys.Span, rentedRows.Span);
                    }
                    else
                    {
                        keys.Keys(block, ranking, rentedKeys.Span);
                    }

                    computed = ranking;
                }

                counts = KeyKernel.Within(rentedKeys.Span, own.Low, own.High, places);
                for (int j = 0; j < counts.Within; j++)
                {
                    found[j] = rentedKeys.Span[places[j]];
                }
            }

            state[i].Count(block.Start, block.Length, rentedKeys.Span, rentedRows.Span, counts);
            state[i].Gather(found[..counts.Within], places[..counts.Within], rentedRows.Span);
        }
    }

    public override void Combine(GatheredKeys[] into, GatheredKeys[] from)
    {
        for (int i = 0; i < into.Length; i++)
        {
            into[i].Append(from[i]);
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
