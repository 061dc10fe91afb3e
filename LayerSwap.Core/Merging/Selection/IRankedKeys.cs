using System.Numerics;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Gives the keys that elements are ranked by; several rankings at once, such as one for each source.</summary>
internal interface IRankedKeys
{
    /// <summary>The keys of a block in one ranking: see <see cref="Cut.KeyOf"/>.</summary>
    void Keys<T>(MergeBlock<T> block, int ranking, Span<ulong> keys)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>How many rows of numbers there are beside the keys, whose energies, sums of squares, within a cut are asked for; 0 for none. Where there are any, all keys are made.</summary>
    int Rows => 0;

    /// <summary>The keys of a block, and the rows beside them, one after another.</summary>
    void Keys<T>(MergeBlock<T> block, int ranking, Span<ulong> keys, Span<double> rows)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => Keys(block, ranking, keys);

    /// <summary>Counts keys by where they lie, and gives the places and keys of those strictly within, without the keys of all; null where that is not quicker.</summary>
    KeyCounts? Within<T>(MergeBlock<T> block, int ranking, KeyBounds bounds, Span<int> places, Span<ulong> keys)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => null;
}

/// <summary>Ranked by the magnitude of each source's change from the base.</summary>
internal sealed class ChangeKeys : IRankedKeys
{
    public void Keys<T>(MergeBlock<T> block, int ranking, Span<ulong> keys)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => KeyKernel.Changes(block.Base, block[ranking], keys);

    public KeyCounts? Within<T>(MergeBlock<T> block, int ranking, KeyBounds bounds, Span<int> places, Span<ulong> keys)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (typeof(T) != typeof(float))
        {
            return null;
        }

        MergeBlock<float> floats = block.As<float>();
        KeyCounts counts = KeyKernel.Within(floats.Base, floats[ranking], bounds.Low, bounds.High, places);
        for (int i = 0; i < counts.Within; i++)
        {
            keys[i] = KeyKernel.KeyOf(floats.Base[places[i]], floats[ranking][places[i]]);
        }

        return counts;
    }
}
