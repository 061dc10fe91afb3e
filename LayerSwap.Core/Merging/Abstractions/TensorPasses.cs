using LayerSwap.Buffers;

namespace LayerSwap;

/// <summary>
/// Streamed passes over one tensor. Chunks are fixed and their states are combined in order, so results do not depend on threads.
/// </summary>
public abstract class TensorPasses
{
    private protected TensorPasses()
    {
    }

    /// <summary>The number of elements of the tensor.</summary>
    public abstract long ElementCount { get; }

    /// <summary>The pool for arrays that outlive a block.</summary>
    internal abstract ChunkPool Chunks { get; }

    /// <summary>Streams the whole operands once.</summary>
    /// <typeparam name="TState">The state of the reduction.</typeparam>
    /// <param name="reduction">Fills and combines states.</param>
    /// <returns>The state of the whole tensor.</returns>
    public TState Reduce<TState>(IReduction<TState> reduction)
        where TState : class => Reduce(reduction, 0, ElementCount);

    /// <summary>Streams a range of the operands once.</summary>
    /// <typeparam name="TState">The state of the reduction.</typeparam>
    /// <param name="reduction">Fills and combines states.</param>
    /// <param name="start">The index of the first element, from 0.</param>
    /// <param name="count">The number of elements.</param>
    /// <returns>The state of the range.</returns>
    public abstract TState Reduce<TState>(IReduction<TState> reduction, long start, long count)
        where TState : class;

    /// <summary>Samples windows at equal distances, from the first element to the last, into one state.</summary>
    /// <param name="reduction">Fills the state.</param>
    /// <param name="windows">The number of windows, 2 or more.</param>
    /// <param name="length">The number of elements of a window.</param>
    /// <param name="state">Receives the sampled elements.</param>
    internal abstract void Sample<TState>(IReduction<TState> reduction, int windows, int length, TState state)
        where TState : class;
}
