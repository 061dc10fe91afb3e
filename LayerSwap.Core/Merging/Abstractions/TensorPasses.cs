using LayerSwap.Buffers;

namespace LayerSwap;

/// <summary>
/// Streamed passes over all elements of one tensor. Chunks are fixed and their states are combined in order, so results do not depend on
/// threads.
/// </summary>
public abstract class TensorPasses
{
    private protected TensorPasses()
    {
    }

    /// <summary>The number of elements of the tensor.</summary>
    public abstract long ElementCount { get; }

    /// <summary>The pool for arrays that are held between blocks.</summary>
    internal abstract ChunkPool Chunks { get; }

    /// <summary>Streams the operands once.</summary>
    /// <typeparam name="TState">The state that is gathered.</typeparam>
    /// <param name="reduction">Fills and combines states.</param>
    /// <returns>The state of the whole tensor.</returns>
    public TState Reduce<TState>(IReduction<TState> reduction)
        where TState : class => Reduce(reduction, 0, ElementCount);

    /// <summary>Streams a part of the operands once.</summary>
    /// <typeparam name="TState">The state that is gathered.</typeparam>
    /// <param name="reduction">Fills and combines states.</param>
    /// <param name="start">The first element.</param>
    /// <param name="count">The number of elements.</param>
    /// <returns>The state of that part.</returns>
    public abstract TState Reduce<TState>(IReduction<TState> reduction, long start, long count)
        where TState : class;

    /// <summary>Adds windows at even distances, from the first element to the last, to one state.</summary>
    /// <param name="reduction">Fills the state.</param>
    /// <param name="windows">The number of windows, 2 or more.</param>
    /// <param name="length">The elements of a window.</param>
    /// <param name="state">The state that is added to.</param>
    internal abstract void Sample<TState>(IReduction<TState> reduction, int windows, int length, TState state)
        where TState : class;
}
