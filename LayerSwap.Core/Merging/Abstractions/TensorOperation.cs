using System.Numerics.Tensors;
using LayerSwap.Numerics;
using LayerSwap.Streaming;

namespace LayerSwap;

/// <summary>
/// What is done to one tensor: taken whole from one input, or computed element by element, perhaps after passes over all of it.
/// </summary>
public abstract class TensorOperation
{
    /// <summary>The number that stands for the base where a source is asked for.</summary>
    public const int Base = -1;

    /// <summary>Whether the base must be read. Without a base it never is.</summary>
    public virtual bool ReadsBase => true;

    /// <summary>Which operands must agree on an element for it to come out unchanged; none by default.</summary>
    public virtual AgreementRule Agreement => AgreementRule.None;

    /// <summary>
    /// How many consecutive elements must be computed together; 1 by default. A merge that looks at whole rows gives the length of the last
    /// axis, and every block then starts with a row and ends with one.
    /// </summary>
    public virtual long Unit => 1;

    /// <summary>What a plan shows of the parameters that hold for this tensor, such as <c>scale 0.8</c>; empty for none.</summary>
    public virtual string Detail => string.Empty;

    /// <summary>The input whose bytes are taken, or null where the tensor is computed.</summary>
    internal virtual int? Taken => null;

    /// <summary>The memory that a worker needs for each element of a row, in bytes; operands and output not included.</summary>
    internal virtual long BytesAnElement => 0;

    /// <summary>The bytes of one source, unchanged, whatever their dtype. Nothing is decoded.</summary>
    /// <param name="source">From 0, in the order the sources were added, or <see cref="Base"/>.</param>
    public static TensorOperation Take(int source)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(source, Base);
        return new TakeMerge(source);
    }

    /// <summary>Looks at the whole tensor before it is merged. Called once, before any block; the default does nothing.</summary>
    /// <param name="passes">Streams the operands and reduces them.</param>
    public virtual void Prepare(TensorPasses passes)
    {
    }

    /// <summary>Computes a block. Called for any block of the tensor, of any length, in any order, from any thread.</summary>
    public abstract void Merge(OperandBlock<float> block);

    /// <summary>
    /// Computes a block of an F64 tensor. Unless overridden it is rounded to floats and computed by
    /// <see cref="Merge(OperandBlock{float})"/>.
    /// </summary>
    public virtual void Merge(OperandBlock<double> block)
    {
        float[] floats = new float[block.Length * (block.SourceCount + 2)];
        Span<float> output = floats.AsSpan(0, block.Length);
        Span<float> origin = floats.AsSpan(block.Length, block.Base.Length);
        Span<float> sources = floats.AsSpan(block.Length * 2, block.Length * block.SourceCount);
        TensorPrimitives.ConvertTruncating(block.Base, origin);
        for (int i = 0; i < block.SourceCount; i++)
        {
            TensorPrimitives.ConvertTruncating(block[i], sources.Slice(i * block.Length, block.Length));
        }

        Merge(new OperandBlock<float>(block.Start, origin, sources, output));
        TensorPrimitives.ConvertTruncating<float, double>(output, block.Output);
    }

    /// <summary>
    /// Computes a block of finite BF16 without widening it first; false if a value is not finite, or the operation cannot. Internal,
    /// because the BF16 element type is.
    /// </summary>
    internal virtual bool TryMerge(OperandBlock<BFloat16> block) => false;

    private sealed class TakeMerge(int source) : TensorOperation
    {
        internal override int? Taken => source;

        public override void Merge(OperandBlock<float> block) => (source == Base ? block.Base : block[source]).CopyTo(block.Output);

        public override void Merge(OperandBlock<double> block) => (source == Base ? block.Base : block[source]).CopyTo(block.Output);
    }
}
