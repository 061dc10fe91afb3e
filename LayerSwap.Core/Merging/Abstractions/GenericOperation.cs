using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>
/// The base class of the built-in operations: one implementation for float32, float64 and finite BF16. <see cref="VectorWidening"/> loads
/// and rounds elements.
/// </summary>
internal abstract class GenericOperation : TensorOperation
{
    public sealed override void Merge(OperandBlock<float> block) => Compute(block);

    public sealed override void Merge(OperandBlock<double> block) => Compute(block);

    internal sealed override bool TryMerge(OperandBlock<BFloat16> block)
    {
        bool finite = NonFinite.AllFinite(block.Base);
        for (int s = 0; s < block.SourceCount; s++)
        {
            finite &= NonFinite.AllFinite(block[s]);
        }

        if (finite)
        {
            Compute(block);
        }

        return finite;
    }

    /// <summary>Computes the output of a block.</summary>
    protected abstract void Compute<T>(in OperandBlock<T> block)
        where T : unmanaged;
}
