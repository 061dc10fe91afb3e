using LayerSwap.Merging;
using LayerSwap.Streaming;

namespace LayerSwap.Planning;

/// <summary>The executor's work for one tensor.</summary>
/// <param name="Operands">The tensors to read; the base first, if it is read.</param>
internal abstract record TensorWork(IReadOnlyList<Operand> Operands)
{
    /// <summary>The number of consecutive elements that must be computed together.</summary>
    public virtual long Unit => 1;

    /// <summary>The number of elements to read, compute and write at a time.</summary>
    public int BlockFor(DType output) => ChunkSizes.ReadBlock(Operands, Unit, output);

    /// <summary>
    /// Whether to compute in float64: if an operand or the output is F64, or if the output is narrower than F32, so that results are
    /// rounded once. Strategies that compute in float32 do this rounding themselves.
    /// </summary>
    public bool InDoubles(DType output) => BlockStreamer.NeedsDoubles(Operands, output)
        || (this is Compute { Merge: GenericOperation } && output.Bits() < DType.Float32.Bits());

    /// <summary>Copies bytes.</summary>
    public sealed record Copy(Operand Operand) : TensorWork([Operand]);

    /// <summary>Converts elements to the output's dtype.</summary>
    public sealed record Convert(Operand Operand) : TensorWork([Operand]);

    /// <summary>Copies the first operand's bytes, and checks that all others are equal.</summary>
    public sealed record Agree(IReadOnlyList<Operand> All) : TensorWork(All);

    /// <summary>Computes elements.</summary>
    public sealed record Compute(IReadOnlyList<Operand> Read, bool HasBase, TensorOperation Merge) : TensorWork(Read)
    {
        public override long Unit => Merge.Unit;
    }
}
