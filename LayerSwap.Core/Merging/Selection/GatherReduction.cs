using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>The pass over a tensor that counts and gathers, for several cuts at once.</summary>
/// <param name="keys">Gives the keys.</param>
/// <param name="rankings">The ranking of each cut.</param>
/// <param name="bounds">The bounds of each.</param>
/// <param name="rows">How many rows beside the keys are measured: none or all.</param>
/// <param name="most">The most that may be gathered for one cut.</param>
/// <param name="together">The most elements of blocks that are listed as one.</param>
/// <param name="pool">Lends the arrays.</param>
internal sealed class GatherReduction(IRankedKeys keys, int[] rankings, KeyBounds[] bounds, int rows, int most, long together, ChunkPool pool) : PreciseReduction<GatheredKeys[]>
{
    public override GatheredKeys[] Create() => [.. bounds.Select(b => new GatheredKeys(rows, b, most, together, pool))];

    protected override void Add<T>(in Aligned<T> block, GatheredKeys[] state)
    {
        // Neighbours of one ranking share its keys.
        for (int first = 0, end; first < rankings.Length; first = end)
        {
            end = first + 1;
            while (end < rankings.Length && rankings[end] == rankings[first])
            {
                end++;
            }

            keys.Gather(block, rankings[first], state.AsSpan()[first..end]);
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
