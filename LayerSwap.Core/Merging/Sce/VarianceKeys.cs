using System.Numerics;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Ranked by the variance of the changes across the sources; beside the keys are these changes.</summary>
internal sealed class VarianceKeys(int sources) : IRankedKeys
{
    public int Rows => sources;

    public void Keys<T>(MergeBlock<T> block, int ranking, Span<ulong> keys, Span<double> rows)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        using Rented<double> changes = new(rows.IsEmpty ? sources * block.Length : 0);
        VarianceKernel.Keys(block.Base, block.Rows, rows.IsEmpty ? changes.Span : rows, keys);
    }

    public void Gather<T>(MergeBlock<T> block, int ranking, ReadOnlySpan<GatheredKeys> cuts)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (typeof(T) != typeof(float) || sources != 2)
        {
            IRankedKeys.GatherAll(this, block, ranking, cuts);
            return;
        }

        MergeBlock<float> floats = block.As<float>();
        using Rented<ulong> bits = new(Bits.Words(block.Length));
        Span<KeyEnergies> energies = stackalloc KeyEnergies[sources];
        foreach (GatheredKeys cut in cuts)
        {
            KeyCounts counts = VarianceKernel.Within(floats.Base, floats.Rows, cut.Bounds.Low, cut.Bounds.High, bits.Span, energies);
            cut.Count(block.Start, block.Length, counts, energies);

            // Keys and changes of the few that lie within are computed once more.
            int count = counts.Within, at = 0;
            using Rented<float> found = new((1 + sources) * count);
            using Rented<ulong> keys = new(count);
            using Rented<double> changes = new(sources * count);
            for (int word = 0; word < bits.Span.Length; word++)
            {
                for (ulong left = bits.Span[word]; left != 0; left &= left - 1, at++)
                {
                    int i = (word * 64) + BitOperations.TrailingZeroCount(left);
                    found.Span[at] = floats.Base[i];
                    found.Span[count + at] = floats[0][i];
                    found.Span[(2 * count) + at] = floats[1][i];
                }
            }

            VarianceKernel.Keys(found.Span[..count], new Rows<float>(found.Span[count..], count), changes.Span, keys.Span);
            cut.Gather(keys.Span, changes.Span);
        }
    }
}
