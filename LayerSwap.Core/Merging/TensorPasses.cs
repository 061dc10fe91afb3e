using System.Numerics;
using LayerSwap.Numerics;

namespace LayerSwap;

/// <summary>
/// Passes over all elements of one tensor, streamed. The tensor is cut on a fixed grid and the states of its parts are combined in order, so
/// sums do not depend on threads.
/// </summary>
public abstract class TensorPasses
{
    private protected TensorPasses()
    {
    }

    /// <summary>The number of elements of the tensor.</summary>
    public abstract long ElementCount { get; }

    /// <summary>Lends arrays for what is held of the tensor.</summary>
    internal abstract ChunkPool Chunks { get; }

    /// <summary>Streams the operands once.</summary>
    /// <typeparam name="TState">What is gathered.</typeparam>
    /// <param name="reduction">How.</param>
    /// <returns>The state of the whole tensor.</returns>
    public TState Reduce<TState>(TensorReduction<TState> reduction)
        where TState : class => Reduce(reduction, 0, ElementCount);

    /// <summary>Streams a part of the operands once.</summary>
    /// <typeparam name="TState">What is gathered.</typeparam>
    /// <param name="reduction">How.</param>
    /// <param name="start">The first element.</param>
    /// <param name="count">How many elements.</param>
    /// <returns>The state of that part.</returns>
    public abstract TState Reduce<TState>(TensorReduction<TState> reduction, long start, long count)
        where TState : class;

    /// <summary>Adds windows at even distances, from the first element to the last, to one state.</summary>
    /// <param name="reduction">How.</param>
    /// <param name="windows">How many, 2 at least.</param>
    /// <param name="length">Of how many elements.</param>
    /// <param name="state">What is added to.</param>
    internal abstract void Sample<TState>(TensorReduction<TState> reduction, int windows, int length, TState state)
        where TState : class;
}

/// <summary>What a pass gathers: a state for each part of the tensor, filled block by block, combined in the order of the parts.</summary>
/// <typeparam name="TState">A mutable class. Use double for sums.</typeparam>
public abstract class TensorReduction<TState>
    where TState : class
{
    /// <summary>An empty state.</summary>
    public abstract TState Create();

    /// <summary>Adds a block to a state. The block's <see cref="MergeBlock{T}.Output"/> is scratch.</summary>
    /// <typeparam name="T"><see cref="float"/>, or <see cref="double"/> for F64 tensors.</typeparam>
    public abstract void Observe<T>(MergeBlock<T> block, TState state)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Adds a block of BF16 as it lies, if it can; false where it has to be widened.</summary>
    internal virtual bool TryObserve(in Aligned<BFloat16> operands, TState state) => false;

    /// <summary>Adds the state of a later part to that of all parts before it.</summary>
    public abstract void Combine(TState into, TState from);

    /// <summary>Empties a state that has been added to another; false where a new one is as cheap.</summary>
    internal virtual bool Clear(TState state) => false;
}
