using System.Numerics;
using System.Runtime.InteropServices;
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
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (typeof(T) == typeof(float))
        {
            KeyKernel.Changes(MemoryMarshal.Cast<T, float>(block.Base), MemoryMarshal.Cast<T, float>(block[ranking]), keys);
            return;
        }

        ReadOnlySpan<T> origin = block.Base, tuned = block[ranking];
        for (int i = 0; i < keys.Length; i++)
        {
            keys[i] = Cut.KeyOf(double.CreateTruncating(tuned[i]) - double.CreateTruncating(origin[i]));
        }
    }
}
