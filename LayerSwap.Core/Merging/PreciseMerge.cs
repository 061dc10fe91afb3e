using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>The base of the built-in merges: one piece of code for floats, for doubles, and for finite BF16 as it lies.</summary>
internal abstract class PreciseMerge : TensorMerge
{
    public sealed override void Merge(MergeBlock block) => Compute(block.Generic.Operands, block.Output);

    public sealed override void Merge(MergeBlock<double> block) => Compute(block.Operands, block.Output);

    internal sealed override bool TryMerge(in Aligned<BFloat16> operands, Span<BFloat16> output)
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
}
