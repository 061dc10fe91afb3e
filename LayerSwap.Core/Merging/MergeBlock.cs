using System.Numerics;
using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap;

/// <summary>
/// The same elements of all operands, as floats, and room for the result. A view that lives for one call; element i of every span is the
/// same element of the tensor. It can be made from plain arrays, to test a strategy without a file.
/// </summary>
public readonly ref struct MergeBlock
{
    private readonly MergeBlock<float> _block;

    /// <summary>A block over memory of one's own.</summary>
    /// <param name="start">The index within the tensor of the first element.</param>
    /// <param name="base">The base's elements, as many as the output has, or none.</param>
    /// <param name="sources">The elements of all sources, one source after another, each as long as the output.</param>
    /// <param name="output">Receives the result.</param>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    public MergeBlock(long start, ReadOnlySpan<float> @base, ReadOnlySpan<float> sources, Span<float> output) =>
        _block = new MergeBlock<float>(start, @base, sources, output);

    internal MergeBlock(in MergeBlock<float> block) => _block = block;

    /// <summary>The index within the tensor of the block's first element.</summary>
    public long Start => _block.Start;

    /// <summary>The number of elements.</summary>
    public int Length => _block.Length;

    /// <summary>The number of sources.</summary>
    public int SourceCount => _block.SourceCount;

    /// <summary>The base's elements; empty where there is no base or the merge does not read it.</summary>
    public ReadOnlySpan<float> Base => _block.Base;

    /// <summary>The elements of one source.</summary>
    /// <param name="source">From 0, in the order the sources were added.</param>
    public ReadOnlySpan<float> this[int source] => _block[source];

    /// <summary>Where the result goes. What it holds before is undefined.</summary>
    public Span<float> Output => _block.Output;

    internal MergeBlock<float> Generic => _block;
}

/// <summary>A <see cref="MergeBlock"/> of floats or, for F64 tensors, of doubles.</summary>
/// <typeparam name="T"><see cref="float"/> or <see cref="double"/>.</typeparam>
public readonly ref struct MergeBlock<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <inheritdoc cref="MergeBlock(long, ReadOnlySpan{float}, ReadOnlySpan{float}, Span{float})"/>
    public MergeBlock(long start, ReadOnlySpan<T> @base, ReadOnlySpan<T> sources, Span<T> output)
    {
        if ((!@base.IsEmpty && @base.Length != output.Length) || (output.Length == 0 ? sources.Length > 0 : sources.Length % output.Length != 0))
        {
            throw new ArgumentException($"A base of {@base.Length} and sources of {sources.Length} elements do not fit an output of {output.Length}.", nameof(sources));
        }

        Operands = new Aligned<T>(start, @base, new Rows<T>(sources, output.Length));
        Output = output;
    }

    internal MergeBlock(scoped in Aligned<T> operands, Span<T> output)
    {
        Operands = operands;
        Output = output;
    }

    /// <inheritdoc cref="MergeBlock.Start"/>
    public long Start => Operands.Start;

    /// <inheritdoc cref="MergeBlock.Length"/>
    public int Length => Output.Length;

    /// <inheritdoc cref="MergeBlock.SourceCount"/>
    public int SourceCount => Operands.Sources.Count;

    /// <inheritdoc cref="MergeBlock.Base"/>
    public ReadOnlySpan<T> Base => Operands.Base;

    /// <inheritdoc cref="MergeBlock.this"/>
    public ReadOnlySpan<T> this[int source] => Operands[source];

    /// <inheritdoc cref="MergeBlock.Output"/>
    public Span<T> Output { get; }

    internal Aligned<T> Operands { get; }

    /// <summary>The same block under the type that T is known to be.</summary>
    internal MergeBlock<TKnown> As<TKnown>()
        where TKnown : unmanaged, IBinaryFloatingPointIeee754<TKnown> => new(Operands.As<TKnown>(), MemoryMarshal.Cast<T, TKnown>(Output));
}
