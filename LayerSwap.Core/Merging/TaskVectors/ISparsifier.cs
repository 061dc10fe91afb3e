using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Decides which elements of each source's change are kept.</summary>
internal interface ISparsifier
{
    /// <summary>Consecutive elements that are looked at together; 1 where each is decided alone.</summary>
    long Unit { get; }

    /// <summary>Whether a source is left as it is.</summary>
    bool Spares(int source);

    /// <summary>Looks at the whole tensor.</summary>
    /// <param name="passes">Streams the operands.</param>
    /// <param name="measured">Whether what is kept is asked for by a pass, and again by the merge.</param>
    /// <returns>What decides from then on: one of its own for each run, since runs of one plan may meet.</returns>
    ISparsifier Prepared(TensorPasses passes, bool measured);

    /// <summary>The tensor is done: lets go of what was held for it.</summary>
    void Release()
    {
    }

    /// <summary>Tells what is kept of a source's change in a block.</summary>
    /// <param name="start">The index of the first element.</param>
    /// <param name="source">The source; not one that is spared.</param>
    /// <param name="origin">The base's elements.</param>
    /// <param name="tuned">The source's elements.</param>
    /// <param name="bits">Receives a bit for each element, the first in the lowest; what lies after them does not count.</param>
    void Keep<T>(long start, int source, ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, Span<ulong> bits)
        where T : unmanaged;

    /// <summary>The sums of magnitudes of a source's change in a block, and of what is kept of it.</summary>
    /// <inheritdoc cref="Keep"/>
    (double All, double Kept) Masses<T>(long start, int source, ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned)
        where T : unmanaged
    {
        using Rented<ulong> bits = new(Bits.Words(tuned.Length));
        Keep(start, source, origin, tuned, bits.Span);
        return MaskKernel.Masses(origin, tuned, bits.Span);
    }
}
