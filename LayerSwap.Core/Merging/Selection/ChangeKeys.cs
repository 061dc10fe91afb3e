using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Ranked by the magnitude of each source's change from the base.</summary>
internal sealed class ChangeKeys : IRankedKeys
{
    /// <summary>Elements that are looked at together: as singles where all of their differences are exact, which they nearly always are.</summary>
    private const int Together = 2048;

    public void Keys<T>(in Aligned<T> block, int ranking, Span<ulong> keys, Span<double> rows)
        where T : unmanaged => KeyKernel.Changes(block.Base, block[ranking], keys);

    public void Gather<T>(in Aligned<T> block, int ranking, ReadOnlySpan<GatheredKeys> cuts)
        where T : unmanaged
    {
        using Rented<int> rented = new(Together), found = new(Together + KeyKernel.Room);
        for (int start = 0; start < block.Length; start += Together)
        {
            int length = Math.Min(Together, block.Length - start);
            ReadOnlySpan<T> origin = block.Base.Slice(start, length), tuned = block[ranking].Slice(start, length);
            Span<int> singles = rented.Span[..length];
            if (KeyKernel.TryChanges(origin, tuned, singles, out _))
            {
                foreach (GatheredKeys cut in cuts)
                {
                    KeyCounts counts = KeyKernel.Within(singles, cut.Bounds.Low, cut.Bounds.High, found.Span);
                    cut.Count(block.Start + start, length, counts, []);
                    cut.Gather(MemoryMarshal.Cast<int, float>(found.Span[..counts.Within]));
                }
            }
            else
            {
                using Rented<ulong> keys = new(length);
                KeyKernel.Changes(origin, tuned, keys.Span);
                foreach (GatheredKeys cut in cuts)
                {
                    cut.Add(block.Start + start, keys.Span, []);
                }
            }
        }
    }
}
