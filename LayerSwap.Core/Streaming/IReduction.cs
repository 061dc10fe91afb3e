using System.Numerics;
using LayerSwap.Numerics;

namespace LayerSwap;

/// <summary>Reduces a tensor to a state. Each chunk has a state, filled block by block; states are combined in chunk order.</summary>
/// <typeparam name="TState">A mutable class. Use double for sums.</typeparam>
public interface IReduction<TState>
    where TState : class
{
    /// <summary>Creates an empty state.</summary>
    TState Create();

    /// <summary>Adds a block to a state. The block has no output.</summary>
    /// <typeparam name="T"><see cref="float"/>, or <see cref="double"/> if an operand is F64.</typeparam>
    void Observe<T>(OperandBlock<T> block, TState state)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Adds the state of a chunk to the combined state of all earlier chunks.</summary>
    void Combine(TState into, TState from);

    /// <summary>Adds a block of BF16 without widening it first. False if not supported.</summary>
    internal bool TryObserve(OperandBlock<BFloat16> block, TState state) => false;

    /// <summary>Clears a combined state for reuse. False if a new one is as cheap.</summary>
    internal bool Clear(TState state) => false;
}

/// <summary>The base class of the built-in reductions: one implementation for float32, float64 and BF16.</summary>
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
