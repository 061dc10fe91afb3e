using System.Numerics.Tensors;

namespace LayerSwap.Merging;

/// <summary>Finds the index of one of many equal keys, counted from the lowest index, and their energies up to it: the block is known from the counts, and only it is read again.</summary>
internal static class TieBreaker
{
    public static long IndexOf(TensorPasses passes, IRankedKeys keys, int ranking, ulong key, long tie, IEnumerable<(long Start, int Length, int Count)> blocks)
    {
        foreach ((long start, int length, int count) in blocks)
        {
            if (tie <= count)
            {
                return passes.Reduce(new EqualReduction(keys, ranking, key), start, length)[(int)tie - 1];
            }

            tie -= count;
        }

        throw new InvalidOperationException("The counts of equal keys do not add up.");
    }

    /// <summary>The energies, in one block, of the elements within a cut that have its key.</summary>
    public static double[] Energies(TensorPasses passes, IRankedKeys keys, int ranking, Cut cut, (long Start, int Length) block) =>
        passes.Reduce(new EnergyReduction(keys, ranking, cut), block.Start, block.Length);

    private sealed class EnergyReduction(IRankedKeys keys, int ranking, Cut cut) : TensorReduction<double[]>
    {
        public override double[] Create() => new double[keys.Rows];

        public override void Observe<T>(MergeBlock<T> block, double[] state)
        {
            ulong[] found = new ulong[block.Length];
            double[] beside = new double[keys.Rows * block.Length];
            keys.Keys(block, ranking, found, beside);
            for (int i = 0; i < found.Length; i++)
            {
                for (int row = 0; row < state.Length && found[i] == cut.Key && block.Start + i <= cut.Index; row++)
                {
                    double value = beside[(row * found.Length) + i];
                    state[row] += value * value;
                }
            }
        }

        public override void Combine(double[] into, double[] from) => TensorPrimitives.Add(into, from, into);
    }

    private sealed class EqualReduction(IRankedKeys keys, int ranking, ulong key) : TensorReduction<List<long>>
    {
        public override List<long> Create() => [];

        public override void Observe<T>(MergeBlock<T> block, List<long> state)
        {
            Span<ulong> found = new ulong[block.Length];
            keys.Keys(block, ranking, found);
            for (int i = 0; i < found.Length; i++)
            {
                if (found[i] == key)
                {
                    state.Add(block.Start + i);
                }
            }
        }

        public override void Combine(List<long> into, List<long> from) => into.AddRange(from);
    }
}
