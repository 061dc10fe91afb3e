namespace LayerSwap;

/// <summary>
/// The base class of strategies that compute each element from the same element of the operands, in the same way for all tensors.
/// </summary>
public abstract class ElementwiseStrategy : IMergeStrategy
{
    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public abstract string Settings { get; }

    /// <inheritdoc cref="TensorOperation.ReadsBase"/>
    protected virtual bool ReadsBase => true;

    /// <inheritdoc cref="TensorOperation.Agreement"/>
    protected virtual AgreementRule Agreement => AgreementRule.None;

    /// <inheritdoc/>
    public TensorOperation Bind(TensorContext tensor) => new Bound(this);

    /// <inheritdoc cref="TensorOperation.Merge(OperandBlock{float})"/>
    protected abstract void Merge(OperandBlock<float> block);

    private sealed class Bound(ElementwiseStrategy strategy) : TensorOperation
    {
        public override bool ReadsBase => strategy.ReadsBase;

        public override AgreementRule Agreement => strategy.Agreement;

        public override void Merge(OperandBlock<float> block) => strategy.Merge(block);
    }
}
