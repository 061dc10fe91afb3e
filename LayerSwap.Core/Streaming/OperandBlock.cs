using System.Runtime.InteropServices;

namespace LayerSwap;

/// <summary>
/// One range of elements of the base and every source, and the output. Element i of every span is the same element of the tensor. Valid
/// for one call. Can be created from arrays, to test a strategy without a file.
/// </summary>
/// <typeparam name="T"><see cref="float"/>, or <see cref="double"/> for F64 tensors.</typeparam>
public readonly ref struct OperandBlock<T>
    where T : unmanaged
{
    /// <summary>(sources, length), row-major; rows begin <see cref="Stride"/> elements apart.</summary>
    private readonly ReadOnlySpan<T> _sources;

    /// <summary>Creates a block over arrays.</summary>
    /// <param name="start">The index in the tensor of the first element.</param>
    /// <param name="base">The base's elements, of the output's length, or empty.</param>
    /// <param name="sources">The elements of all sources: (sources, length), row-major.</param>
    /// <param name="output">Receives the result; its length is the block's.</param>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    public OperandBlock(long start, ReadOnlySpan<T> @base, ReadOnlySpan<T> sources, Span<T> output)
        : this(start, @base, sources, output.Length, output.Length, output)
    {
        bool baseFits = @base.IsEmpty || @base.Length == output.Length;
        bool sourcesFit = output.Length == 0 ? sources.Length == 0 : sources.Length % output.Length == 0;
        if (!baseFits || !sourcesFit)
        {
            throw new ArgumentException(
                $"A base of {@base.Length} and sources of {sources.Length} elements do not fit an output of {output.Length}.",
                nameof(sources));
        }
    }

    /// <summary>Creates a block over a matrix of operands.</summary>
    /// <param name="start">The index in the tensor of the first element.</param>
    /// <param name="operands">(operands, length), row-major; rows begin <paramref name="stride"/> elements apart.</param>
    /// <param name="length">The number of elements per operand.</param>
    /// <param name="stride">The distance between operands in elements.</param>
    /// <param name="hasBase">Whether the first operand is the base.</param>
    /// <param name="output">Receives the result; empty in a reduction.</param>
    internal OperandBlock(long start, ReadOnlySpan<T> operands, int length, int stride, bool hasBase, Span<T> output)
        : this(
            start,
            hasBase ? operands[..length] : [],
            hasBase ? operands[Math.Min(stride, operands.Length)..] : operands,
            length,
            stride,
            output)
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

    /// <summary>The index in the tensor of the block's first element.</summary>
    public long Start { get; }

    /// <summary>The number of elements.</summary>
    public int Length { get; }

    /// <summary>The number of sources, without the base.</summary>
    public int SourceCount { get; }

    /// <summary>The base's elements. Empty if there is no base or the merge does not read it.</summary>
    public ReadOnlySpan<T> Base { get; }

    /// <summary>The elements of one source.</summary>
    /// <param name="source">The index of the source, from 0, in the order the sources were added.</param>
    public ReadOnlySpan<T> this[int source] => _sources.Slice(source * Stride, Length);

    /// <summary>Receives the result. Its initial content is undefined. Empty in a reduction.</summary>
    public Span<T> Output { get; }

    /// <summary>The distance between sources in elements.</summary>
    internal int Stride { get; }

    /// <summary>The first element of the first source. Source s begins s * <see cref="Stride"/> elements later.</summary>
    internal ref T FirstSource => ref MemoryMarshal.GetReference(_sources);

    /// <summary>Creates a block over a range of this block's elements.</summary>
    internal OperandBlock<T> Slice(int start, int length) => new(
        Start + start,
        Base.IsEmpty ? Base : Base.Slice(start, length),
        _sources.IsEmpty ? _sources : _sources[start..^(Length - start - length)],
        length,
        Stride,
        Output.IsEmpty ? Output : Output.Slice(start, length));

    /// <summary>Casts the block to the type that T is known to be.</summary>
    internal OperandBlock<TKnown> As<TKnown>()
        where TKnown : unmanaged =>
        new(
            Start,
            MemoryMarshal.Cast<T, TKnown>(Base),
            MemoryMarshal.Cast<T, TKnown>(_sources),
            Length,
            Stride,
            MemoryMarshal.Cast<T, TKnown>(Output));
}
