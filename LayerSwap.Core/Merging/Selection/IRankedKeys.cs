using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Gives the keys that elements are ranked by; several rankings at once, such as one for each source.</summary>
internal interface IRankedKeys
{
    /// <summary>How many rows of numbers there are beside the keys, whose energies, sums of squares, within a cut are asked for; 0 for none.</summary>
    int Rows => 0;

    /// <summary>The keys of a block in one ranking: see <see cref="Cut.KeyOf"/>.</summary>
    /// <param name="block">The block.</param>
    /// <param name="ranking">The ranking.</param>
    /// <param name="keys">Receives the keys.</param>
    /// <param name="rows">Receives the rows beside them, one after another; empty where they are not asked for.</param>
    void Keys<T>(in Aligned<T> block, int ranking, Span<ulong> keys, Span<double> rows)
        where T : unmanaged;

    /// <summary>Counts a block's keys in one ranking, and gathers those within the bounds of each cut of it.</summary>
    /// <param name="block">The block.</param>
    /// <param name="ranking">The ranking.</param>
    /// <param name="cuts">Its cuts, all of them with rows or none.</param>
    void Gather<T>(in Aligned<T> block, int ranking, ReadOnlySpan<GatheredKeys> cuts)
        where T : unmanaged => GatherAll(this, block, ranking, cuts);

    /// <summary>The same by the keys of all.</summary>
    static void GatherAll<T>(IRankedKeys from, in Aligned<T> block, int ranking, ReadOnlySpan<GatheredKeys> cuts)
        where T : unmanaged
    {
        using Rented<ulong> keys = new(block.Length);
        using Rented<double> beside = new(cuts[0].Rows * block.Length);
        from.Keys(block, ranking, keys.Span, beside.Span);
        foreach (GatheredKeys cut in cuts)
        {
            cut.Add(block.Start, keys.Span, beside.Span);
        }
    }
}
