namespace LayerSwap;

/// <summary>The base for strategies that compute each element from the same element of the operands, alike for all tensors.</summary>
public abstract class ElementwiseStrategy : IMergeStrategy
{
    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public abstract string Settings { get; }

    /// <inheritdoc cref="TensorMerge.ReadsBase"/>
    protected virtual bool ReadsBase => true;

    /// <inheritdoc cref="TensorMerge.Agreement"/>
    protected virtual AgreementRule Agreement => AgreementRule.None;

    /// <inheritdoc/>
    public TensorMerge Bind(MergeTensor tensor) => new Bound(this);

    /// <inheritdoc cref="TensorMerge.Merge(MergeBlock)"/>
    protected abstract void Merge(MergeBlock block);

    private sealed class Bound(ElementwiseStrategy strategy) : TensorMerge
    {
        public override bool ReadsBase => strategy.ReadsBase;

        public override AgreementRule Agreement => strategy.Agreement;

        public override void Merge(MergeBlock block) => strategy.Merge(block);
    }
}
