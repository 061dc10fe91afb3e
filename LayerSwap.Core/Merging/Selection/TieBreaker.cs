using LayerSwap.Buffers;

namespace LayerSwap.Merging;

/// <summary>Finds the index of one of several equal keys by reading its block again.</summary>
internal static class TieBreaker
{
    /// <param name="passes">Streams the operands.</param>
    /// <param name="ranking">Computes the keys.</param>
    /// <param name="index">The ranking's index.</param>
    /// <param name="key">The key.</param>
    /// <param name="block">The block that contains the key.</param>
    /// <param name="tie">The 1-based position among the equal keys of the block, lowest index first.</param>
    public static long FindIndex(TensorPasses passes, IRanking ranking, int index, ulong key, BlockCounts block, int tie) =>
        passes.Reduce(new EqualReduction(ranking, index, key, tie), block.Start, block.Length).Index
            ?? throw new InvalidOperationException("Fewer equal keys than were counted.");

    private sealed class Found
    {
        public int Count { get; set; }

        public long? Index { get; set; }
    }

    /// <summary>Counts equal keys. A block is in one chunk, so there is only one state with counts.</summary>
    private sealed class EqualReduction(IRanking ranking, int index, ulong key, int tie) : GenericReduction<Found>
    {
        public override Found Create() => new();

        protected override void Add<T>(in OperandBlock<T> block, Found state)
        {
            using PooledBuffer<ulong> keys = new(block.Length);
            ranking.ComputeKeys(block, index, keys.Span);
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
