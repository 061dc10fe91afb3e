using System.Numerics.Tensors;
using LayerSwap.Numerics;

namespace LayerSwap;

/// <summary>
/// The operation on one tensor: a copy from one input, or a computation element by element, optionally after passes over the whole tensor.
/// </summary>
public abstract class TensorOperation
{
    /// <summary>The index of the base, where a source index is expected.</summary>
    public const int Base = -1;

    /// <summary>Whether the base is read, if there is one; true by default.</summary>
    public virtual bool ReadsBase => true;

    /// <summary>The operands that must be equal in an element for it to be copied unchanged; none by default.</summary>
    public virtual AgreementRule Agreement => AgreementRule.None;

    /// <summary>
    /// The number of consecutive elements that are computed together; 1 by default. An operation on whole rows returns the length of the
    /// last axis: each block then holds whole rows.
    /// </summary>
    public virtual long RowLength => 1;

    /// <summary>The parameters for this tensor in plans, such as <c>scale 0.8</c>; empty for none.</summary>
    public virtual string Detail => string.Empty;

    /// <summary>The input whose bytes are copied; null if the tensor is computed.</summary>
    internal virtual int? CopiedInput => null;

    /// <summary>The memory of a worker for each element of a row, in bytes, without operands and output.</summary>
    internal virtual long BytesPerElement => 0;

    /// <summary>Creates an operation that copies the bytes of one source, whatever their dtype, without decoding.</summary>
    /// <param name="source">The index of the source, from 0 in the order in which they were added, or <see cref="Base"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The index is below <see cref="Base"/>.</exception>
    public static TensorOperation Take(int source)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(source, Base);
        return new TakeOperation(source);
    }

    /// <summary>Runs passes over the whole tensor. Called once, before any block; does nothing by default.</summary>
    /// <param name="passes">Streams the operands through reductions.</param>
    public virtual void Prepare(TensorPasses passes)
    {
    }

    /// <summary>Computes a block. Called for blocks of any length, in any order, from any thread; must be thread-safe.</summary>
    public abstract void Merge(OperandBlock<float> block);

    /// <summary>
    /// Computes a block of an F64 tensor. By default converts to float32 and calls <see cref="Merge(OperandBlock{float})"/>.
    /// </summary>
    public virtual void Merge(OperandBlock<double> block)
    {
        float[] floats = new float[block.Length * (block.SourceCount + 2)];
        Span<float> output = floats.AsSpan(0, block.Length);
        Span<float> @base = floats.AsSpan(block.Length, block.Base.Length);
        Span<float> sources = floats.AsSpan(block.Length * 2, block.Length * block.SourceCount);
        TensorPrimitives.ConvertTruncating(block.Base, @base);
        for (int i = 0; i < block.SourceCount; i++)
        {
            TensorPrimitives.ConvertTruncating(block[i], sources.Slice(i * block.Length, block.Length));
        }

        Merge(new OperandBlock<float>(block.Start, @base, sources, output));
        TensorPrimitives.ConvertTruncating<float, double>(output, block.Output);
    }

    /// <summary>Tries to compute a block of BF16 without widening it first. Internal, because the BF16 element type is.</summary>
    /// <returns>False if a value is not finite, or the operation has no such implementation.</returns>
    internal virtual bool TryMerge(OperandBlock<BFloat16> block) => false;

    private sealed class TakeOperation(int source) : TensorOperation
    {
        internal override int? CopiedInput => source;

        public override void Merge(OperandBlock<float> block) => (source == Base ? block.Base : block[source]).CopyTo(block.Output);

        public override void Merge(OperandBlock<double> block) => (source == Base ? block.Base : block[source]).CopyTo(block.Output);
    }
}
