using LayerSwap.Buffers;

namespace LayerSwap.Merging;

/// <summary>Keeps each element with a probability equal to its source's density (DARE, arXiv:2311.03099).</summary>
internal sealed class DareSparsifier(double[] densities, ulong[] streams) : ISparsifier
{
    public long RowLength => 1;

    public bool KeepsAll(int source) => densities[source] >= 1;

    public ISparsifier Prepare(TensorPasses passes) => this;

    public void ComputeMask<T>(in OperandBlock<T> block, int source, Span<ulong> mask)
        where T : unmanaged
    {
        uint bound = CounterRandom.ComputeBound(densities[source]);
        int before = (int)(block.Start % RandomKernel.BatchLength);
        using PooledBuffer<ulong> whole = new(BitMask.WordCount(before + block.Length));
        RandomKernel.MaskBelow(streams[source], block.Start - before, bound, whole.Span);
        BitMask.Copy(whole.Span, before, mask, 0, block.Length);
    }
}
