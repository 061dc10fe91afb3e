using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>The same for what a pass gathers; BF16 need not be finite here.</summary>
internal abstract class PreciseReduction<TState> : TensorReduction<TState>
    where TState : class
{
    public sealed override void Observe<T>(MergeBlock<T> block, TState state) => Add(block.Operands, state);

    internal sealed override bool TryObserve(in Aligned<BFloat16> operands, TState state)
    {
        Add(operands, state);
        return true;
    }

    /// <summary>Adds a block to a state: numbers by <see cref="Wide"/>.</summary>
    protected abstract void Add<T>(in Aligned<T> block, TState state)
        where T : unmanaged;
}
