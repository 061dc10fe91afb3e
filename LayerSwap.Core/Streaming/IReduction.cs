using System.Numerics;
using LayerSwap.Numerics;

namespace LayerSwap;

/// <summary>Gathers a state from all elements of a tensor: a state for each chunk, filled block by block, combined in the order of the chunks.</summary>
/// <typeparam name="TState">A mutable class. Use double for sums.</typeparam>
public interface IReduction<TState>
    where TState : class
{
    /// <summary>Makes an empty state.</summary>
    TState Create();

    /// <summary>Adds a block to a state. The block has no output.</summary>
    /// <typeparam name="T"><see cref="float"/>, or <see cref="double"/> where an operand is F64.</typeparam>
    void Observe<T>(OperandBlock<T> block, TState state)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Adds the state of a later chunk to that of all chunks before it.</summary>
    void Combine(TState into, TState from);

    /// <summary>Adds a block of BF16 without widening it first; false if the reduction cannot. Internal, because the BF16 element type is.</summary>
    internal bool TryObserve(OperandBlock<BFloat16> block, TState state) => false;

    /// <summary>Empties a state for reuse after it was combined; false if a new one is as cheap.</summary>
    internal bool Clear(TState state) => false;
}

/// <summary>The base of the built-in reductions: one implementation for float32, float64 and BF16, finite or not. Elements are loaded by <see cref="VectorWidening"/>.</summary>
internal abstract class GenericReduction<TState> : IReduction<TState>
    where TState : class
{
    public abstract TState Create();

    public abstract void Combine(TState into, TState from);

    public virtual bool Clear(TState state) => false;

    void IReduction<TState>.Observe<T>(OperandBlock<T> block, TState state) => Add(block, state);

    bool IReduction<TState>.TryObserve(OperandBlock<BFloat16> block, TState state)
    {
        Add(block, state);
        return true;
    }

    bool IReduction<TState>.Clear(TState state) => Clear(state);

    /// <summary>Adds a block to a state.</summary>
    protected abstract void Add<T>(in OperandBlock<T> block, TState state)
        where T : unmanaged;
}
