using System.Runtime.InteropServices;

namespace LayerSwap;

/// <summary>
/// The same elements of the base and of every source, and room for the result. A view that lives for one call; element i of every span is the same element of the tensor. It can be made
/// from arrays, to test a strategy without a file.
/// </summary>
/// <typeparam name="T"><see cref="float"/>, or <see cref="double"/> for F64 tensors.</typeparam>
public readonly ref struct OperandBlock<T>
    where T : unmanaged
{
    /// <summary>(sources, length), row-major; rows begin <see cref="Stride"/> elements apart.</summary>
    private readonly ReadOnlySpan<T> _sources;

    /// <summary>Makes a block over arrays.</summary>
    /// <param name="start">The index within the tensor of the first element.</param>
    /// <param name="base">The base's elements, as many as the output has, or none.</param>
    /// <param name="sources">The elements of all sources: (sources, length), row-major.</param>
    /// <param name="output">Receives the result; its length is the block's.</param>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    public OperandBlock(long start, ReadOnlySpan<T> @base, ReadOnlySpan<T> sources, Span<T> output)
        : this(start, @base, sources, output.Length, output.Length, output)
    {
        if ((!@base.IsEmpty && @base.Length != output.Length) || (output.Length == 0 ? sources.Length > 0 : sources.Length % output.Length != 0))
        {
            throw new ArgumentException($"A base of {@base.Length} and sources of {sources.Length} elements do not fit an output of {output.Length}.", nameof(sources));
        }
    }

    /// <summary>Makes a block over operands at even distances.</summary>
    /// <param name="start">The index within the tensor of the first element.</param>
    /// <param name="operands">All operands; rows begin <paramref name="stride"/> elements apart.</param>
    /// <param name="length">The number of elements.</param>
    /// <param name="stride">From one operand to the next.</param>
    /// <param name="hasBase">Whether the first operand is the base.</param>
    /// <param name="output">Receives the result; empty in a reduction.</param>
    internal OperandBlock(long start, ReadOnlySpan<T> operands, int length, int stride, bool hasBase, Span<T> output)
        : this(start, hasBase ? operands[..length] : [], hasBase ? operands[Math.Min(stride, operands.Length)..] : operands, length, stride, output)
    {
    }

    private OperandBlock(long start, ReadOnlySpan<T> @base, ReadOnlySpan<T> sources, int length, int stride, Span<T> output)
    {
        Start = start;
        Base = @base;
        _sources = sources;
        Length = length;
        Stride = stride;
        Output = output;
        SourceCount = length == 0 || sources.Length < length ? 0 : 1 + ((sources.Length - length) / stride);
    }

    /// <summary>The index within the tensor of the block's first element.</summary>
    public long Start { get; }

    /// <summary>The number of elements.</summary>
    public int Length { get; }

    /// <summary>The number of sources; the base is not one of them.</summary>
    public int SourceCount { get; }

    /// <summary>The base's elements; empty where there is no base or the merge does not read it.</summary>
    public ReadOnlySpan<T> Base { get; }

    /// <summary>The elements of one source.</summary>
    /// <param name="source">From 0, in the order the sources were added.</param>
    public ReadOnlySpan<T> this[int source] => _sources.Slice(source * Stride, Length);

    /// <summary>Where the result goes; its content before is undefined. Empty in a reduction.</summary>
    public Span<T> Output { get; }

    /// <summary>The distance from one source to the next in elements.</summary>
    internal int Stride { get; }

    /// <summary>The first element of the first source; source s begins s * <see cref="Stride"/> elements further on.</summary>
    internal ref T FirstSource => ref MemoryMarshal.GetReference(_sources);

    /// <summary>The elements of a part of the block.</summary>
    internal OperandBlock<T> Slice(int start, int length) =>
        new(Start + start, Base.IsEmpty ? Base : Base.Slice(start, length), _sources.IsEmpty ? _sources : _sources[start..^(Length - start - length)], length, Stride,
            Output.IsEmpty ? Output : Output.Slice(start, length));

    /// <summary>The same block under the type that T is known to be.</summary>
    internal OperandBlock<TKnown> As<TKnown>()
        where TKnown : unmanaged =>
        new(Start, MemoryMarshal.Cast<T, TKnown>(Base), MemoryMarshal.Cast<T, TKnown>(_sources), Length, Stride, MemoryMarshal.Cast<T, TKnown>(Output));
}
