using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Bounds that are certain: histograms over sixteen bits of the keys at a time, from the top, until few enough elements share all bits seen.</summary>
internal static class KeyHistogram
{
    private const int Digit = 16;

    public static KeyBounds[] Narrow(TensorPasses passes, IRankedKeys keys, RankRequest[] asked, int most)
    {
        ulong[] prefixes = new ulong[asked.Length];
        long[] ranks = [.. asked.Select(a => a.Rank)];
        int[] shifts = [.. asked.Select(_ => 64)];
        bool[] done = new bool[asked.Length];
        for (int shift = 64 - Digit; shift >= 0 && done.Contains(false); shift -= Digit)
        {
            long[][] bins = passes.Reduce(new DigitReduction(keys, asked, prefixes, done, shift));
            for (int i = 0; i < asked.Length; i++)
            {
                if (done[i])
                {
                    continue;
                }

                int bin = bins[i].Length - 1;
                while (ranks[i] > bins[i][bin])
                {
                    ranks[i] -= bins[i][bin--];
                }

                prefixes[i] = (prefixes[i] << Digit) | (uint)bin;
                shifts[i] = shift;
                done[i] = bins[i][bin] <= most;
            }
        }

        return [.. prefixes.Zip(shifts, (prefix, shift) => new KeyBounds(prefix << shift, (prefix << shift) | ((1UL << shift) - 1)))];
    }

    /// <summary>Counts one digit of the keys that share the digits above it.</summary>
    private sealed class DigitReduction(IRankedKeys keys, RankRequest[] asked, ulong[] prefixes, bool[] done, int shift) : TensorReduction<long[][]>
    {
        public override long[][] Create() => [.. done.Select(d => new long[d ? 0 : 1 << Digit])];

        public override void Observe<T>(MergeBlock<T> block, long[][] state)
        {
            using Rented<ulong> found = new(block.Length);
            for (int i = 0; i < asked.Length; i++)
            {
                if (done[i])
                {
                    continue;
                }

                keys.Keys(block, asked[i].Ranking, found.Span);
                long[] bins = state[i];
                foreach (ulong key in found.Span)
                {
                    ulong digits = key >> shift;
                    if (digits >> Digit == prefixes[i])
                    {
                        bins[(int)(digits & ((1 << Digit) - 1))]++;
                    }
                }
            }
        }

        public override void Combine(long[][] into, long[][] from)
        {
            for (int i = 0; i < into.Length; i++)
            {
                System.Numerics.Tensors.TensorPrimitives.Add<long>(into[i], from[i], into[i]);
            }
        }
    }
}
