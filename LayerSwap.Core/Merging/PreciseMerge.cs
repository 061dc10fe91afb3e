using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>The base of the built-in merges: one piece of code for floats, for doubles, and for finite BF16 as it lies.</summary>
internal abstract class PreciseMerge : TensorMerge
{
    public sealed override void Merge(MergeBlock block) => Merge(block.Generic);

    public sealed override void Merge(MergeBlock<double> block) => Merge<double>(block);

    internal override bool TryMerge(in Aligned<BFloat16> operands, Span<BFloat16> output)
    {
        bool finite = NonFinite.HasNone(operands.Base);
        for (int s = 0; s < operands.Sources.Count; s++)
        {
            finite &= NonFinite.HasNone(operands[s]);
        }

        if (finite)
        {
            Compute(operands, output);
        }

        return finite;
    }

    /// <summary>Computes a block: numbers by <see cref="Wide"/>.</summary>
    protected abstract void Compute<T>(in Aligned<T> block, Span<T> output)
        where T : unmanaged;

    private void Merge<T>(in MergeBlock<T> block)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T> => Compute(block.Operands, block.Output);
}
