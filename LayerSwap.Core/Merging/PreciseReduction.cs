using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>The base of the built-in reductions: one piece of code for floats, for doubles, and for BF16 as it lies, finite or not.</summary>
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
