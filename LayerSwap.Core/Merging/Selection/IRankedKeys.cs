using System.Numerics;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Gives the keys that elements are ranked by; several rankings at once, such as one for each source.</summary>
internal interface IRankedKeys
{
    /// <summary>The keys of a block in one ranking: see <see cref="Cut.KeyOf"/>.</summary>
    void Keys<T>(MergeBlock<T> block, int ranking, Span<ulong> keys)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;
}

/// <summary>Ranked by the magnitude of each source's change from the base.</summary>
internal sealed class ChangeKeys : IRankedKeys
{
    public void Keys<T>(MergeBlock<T> block, int ranking, Span<ulong> keys)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => KeyKernel.Changes(block.Base, block[ranking], keys);
}
