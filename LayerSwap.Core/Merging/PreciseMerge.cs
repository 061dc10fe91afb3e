using System.Numerics;

namespace LayerSwap.Merging;

/// <summary>The base of the built-in merges: one piece of code for floats and for doubles.</summary>
internal abstract class PreciseMerge : TensorMerge
{
    public sealed override void Merge(MergeBlock block) => Compute(block.Generic);

    public sealed override void Merge(MergeBlock<double> block) => Compute(block);

    protected abstract void Compute<T>(in MergeBlock<T> block)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;
}
