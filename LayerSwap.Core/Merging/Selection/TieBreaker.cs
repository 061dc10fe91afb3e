using LayerSwap.Buffers;

namespace LayerSwap.Merging;

/// <summary>Finds the index of one of several equal keys by reading its block again.</summary>
internal static class TieBreaker
{
    /// <param name="passes">Streams the operands.</param>
    /// <param name="ranking">Gives the keys.</param>
    /// <param name="index">The ranking's index.</param>
    /// <param name="key">The key.</param>
    /// <param name="block">The block that holds it.</param>
    /// <param name="tie">Its position among equal keys of the block, from 1, the lowest index first.</param>
    public static long IndexOf(TensorPasses passes, IRanking ranking, int index, ulong key, BlockCounts block, int tie) =>
        passes.Reduce(new EqualReduction(ranking, index, key, tie), block.Start, block.Length).Index
            ?? throw new InvalidOperationException("Fewer equal keys than were counted.");

    private sealed class Found
    {
        public int Count { get; set; }

        public long? Index { get; set; }
    }

    /// <summary>A block lies in one chunk: there is nothing to combine but its state.</summary>
    private sealed class EqualReduction(IRanking ranking, int index, ulong key, int tie) : GenericReduction<Found>
    {
        public override Found Create() => new();

        protected override void Add<T>(in OperandBlock<T> block, Found state)
        {
            using PooledBuffer<ulong> keys = new(block.Length);
            ranking.Keys(block, index, keys.Span);
            for (int i = 0; i < block.Length; i++)
            {
                if (keys.Span[i] == key && ++state.Count == tie)
                {
                    state.Index = block.Start + i;
                }
            }
        }

        public override void Combine(Found into, Found from) => into.Index = from.Index;
    }
}
