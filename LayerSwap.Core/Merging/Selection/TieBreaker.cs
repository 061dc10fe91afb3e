using System.Numerics.Tensors;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Finds the index of one of many equal keys, counted from the lowest index, and their energies up to it: the block is known, and only it is read again.</summary>
internal static class TieBreaker
{
    public static long IndexOf(TensorPasses passes, IRankedKeys keys, int ranking, ulong key, GatheredBlock block, int tie) =>
        passes.Reduce(new EqualReduction(keys, ranking, key, tie), block.Start, block.Length).Index ?? throw new InvalidOperationException("Fewer equal keys than were counted.");

    /// <summary>The energies, in one block, of the elements within a cut that have its key.</summary>
    public static double[] Energies(TensorPasses passes, IRankedKeys keys, int ranking, Cut cut, GatheredBlock block) =>
        passes.Reduce(new EnergyReduction(keys, ranking, cut), block.Start, block.Length);

    private sealed class EnergyReduction(IRankedKeys keys, int ranking, Cut cut) : PreciseReduction<double[]>
    {
        public override double[] Create() => new double[keys.Rows];

        protected override void Add<T>(in Aligned<T> block, double[] state)
        {
            using Rented<ulong> found = new(block.Length);
            using Rented<double> beside = new(keys.Rows * block.Length);
            keys.Keys(block, ranking, found.Span, beside.Span);
            for (int i = 0; i < block.Length; i++)
            {
                for (int row = 0; row < state.Length && found.Span[i] == cut.Key && block.Start + i <= cut.Index; row++)
                {
                    double value = beside.Span[(row * block.Length) + i];
                    state[row] += value * value;
                }
            }
        }

        public override void Combine(double[] into, double[] from) => TensorPrimitives.Add(into, from, into);
    }

    private sealed class Found
    {
        public int Count { get; set; }

        public long? Index { get; set; }
    }

    /// <summary>What is listed together is a part of one section: there is nothing to combine but it.</summary>
    private sealed class EqualReduction(IRankedKeys keys, int ranking, ulong key, int tie) : PreciseReduction<Found>
    {
        public override Found Create() => new();

        protected override void Add<T>(in Aligned<T> block, Found state)
        {
            using Rented<ulong> found = new(block.Length);
            keys.Keys(block, ranking, found.Span, []);
            for (int i = 0; i < block.Length; i++)
            {
                if (found.Span[i] == key && ++state.Count == tie)
                {
                    state.Index = block.Start + i;
                }
            }
        }

        public override void Combine(Found into, Found from) => into.Index = from.Index;
    }
}
