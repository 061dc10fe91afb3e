using System.Numerics;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Ranked by the variance of the changes across the sources; beside the keys are these changes.</summary>
internal sealed class VarianceKeys(int sources) : IRankedKeys
{
    public int Rows => sources;

    public void Keys<T>(in Aligned<T> block, int ranking, Span<ulong> keys, Span<double> rows)
        where T : unmanaged
    {
        using Rented<double> changes = new(rows.IsEmpty ? sources * block.Length : 0);
        VarianceKernel.Keys(block.Base, block.Sources, rows.IsEmpty ? changes.Span : rows, keys);
    }

    public void Gather<T>(in Aligned<T> block, int ranking, ReadOnlySpan<GatheredKeys> cuts)
        where T : unmanaged
    {
        if (sources != 2)
        {
            IRankedKeys.GatherAll(this, block, ranking, cuts);
            return;
        }

        using Rented<ulong> bits = new(Bits.Words(block.Length));
        Span<KeyEnergies> energies = stackalloc KeyEnergies[sources];
        foreach (GatheredKeys cut in cuts)
        {
            if (VarianceKernel.Within(block.Base, block.Sources, cut.Bounds.Low, cut.Bounds.High, bits.Span, energies) is not { } counts)
            {
                IRankedKeys.GatherAll(this, block, ranking, [cut]);
                continue;
            }

            cut.Count(block.Start, block.Length, counts, energies);

            // Keys and changes of the few that lie within are computed once more.
            int count = counts.Within, at = 0;
            using Rented<T> found = new((1 + sources) * count);
            using Rented<ulong> keys = new(count);
            using Rented<double> changes = new(sources * count);
            for (int word = 0; word < bits.Span.Length; word++)
            {
                for (ulong left = bits.Span[word]; left != 0; left &= left - 1, at++)
                {
                    int i = (word * 64) + BitOperations.TrailingZeroCount(left);
                    found.Span[at] = block.Base[i];
                    found.Span[count + at] = block[0][i];
                    found.Span[(2 * count) + at] = block[1][i];
                }
            }

            VarianceKernel.Keys(found.Span[..count], new Rows<T>(found.Span[count..], count), changes.Span, keys.Span);
            cut.Gather(keys.Span, changes.Span);
        }
    }
}
