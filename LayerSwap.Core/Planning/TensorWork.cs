using LayerSwap.Streaming;

namespace LayerSwap.Planning;

/// <summary>What the executor does for one tensor. The operands are those that are read, the base first where it is one of them.</summary>
internal abstract record TensorWork(IReadOnlyList<Operand> Operands)
{
    /// <summary>How many consecutive elements are computed together.</summary>
    public virtual long Unit => 1;

    /// <summary>Elements read, computed and written at a time.</summary>
    public int BlockFor(DType output) => ChunkSizes.ReadBlock(Operands, Unit, output);

    /// <summary>
    /// Whether elements are doubles while they are computed: where one operand, or the output, is F64; and on the way to narrower dtypes than F32, so that results are rounded once. Strategies that
    /// compute floats round to these themselves.
    /// </summary>
    public bool InDoubles(DType output) => BlockStreamer.NeedsDoubles(Operands, output) || (this is Compute { Merge: Merging.GenericOperation } && output.Bits() < DType.Float32.Bits());

    /// <summary>Bytes are copied, undecoded.</summary>
    public sealed record Copy(Operand Operand) : TensorWork([Operand]);

    /// <summary>Elements are converted to the output's dtype.</summary>
    public sealed record Convert(Operand Operand) : TensorWork([Operand]);

    /// <summary>The first operand's bytes are copied; that all others have the same is checked on the way.</summary>
    public sealed record Agree(IReadOnlyList<Operand> All) : TensorWork(All);

    /// <summary>Elements are computed.</summary>
    public sealed record Compute(IReadOnlyList<Operand> Read, bool HasBase, TensorOperation Merge) : TensorWork(Read)
    {
        public override long Unit => Merge.Unit;
    }
}
