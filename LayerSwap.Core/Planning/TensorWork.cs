using LayerSwap.Merging;
using LayerSwap.Streaming;

namespace LayerSwap.Planning;

/// <summary>The executor's work for one tensor.</summary>
/// <param name="Operands">The tensors to read; the base first, if it is read.</param>
internal abstract record TensorWork(IReadOnlyList<Operand> Operands)
{
    /// <summary>The number of consecutive elements that must be computed together.</summary>
    public virtual long RowLength => 1;

    /// <summary>The number of elements to read, compute and write at a time.</summary>
    public int BlockLength(DType output) => ChunkSizes.ReadBlockOf(Operands, RowLength, output);

    /// <summary>
    /// Whether to compute in float64: if an operand or the output is F64, or if the output is narrower than F32, so that results are
    /// rounded once. Strategies that compute in float32 do this rounding themselves.
    /// </summary>
    public bool UsesFloat64(DType output) => BlockStreamer.NeedsFloat64(Operands, output)
        || (this is Compute { Operation: GenericOperation } && output.Bits() < DType.Float32.Bits());

    /// <summary>Copies bytes.</summary>
    public sealed record Copy(Operand Operand) : TensorWork([Operand]);

    /// <summary>Converts elements to the output's dtype.</summary>
    public sealed record Convert(Operand Operand) : TensorWork([Operand]);

    /// <summary>Copies the first operand's bytes, and checks that all others are equal.</summary>
    public sealed record CopyIdentical(IReadOnlyList<Operand> All) : TensorWork(All);

    /// <summary>Computes elements.</summary>
    public sealed record Compute(IReadOnlyList<Operand> Read, bool HasBase, TensorOperation Operation) : TensorWork(Read)
    {
        public override long RowLength => Operation.RowLength;
    }
}
