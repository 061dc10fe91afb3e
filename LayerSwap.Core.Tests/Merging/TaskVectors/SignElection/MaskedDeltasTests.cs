using System.Runtime.Intrinsics;
using LayerSwap.Merging;
using LayerSwap.Numerics;

namespace LayerSwap.Tests.Merging;

[Trait("Category", "Kernel")]
public sealed class MaskedDeltasTests
{
    private const int Sources = 3;

    private readonly Random _random = new(14);

    [Theory]
    [ElementTypes]
    public void Deltas_are_differences_where_the_mask_has_a_bit_and_zero_elsewhere<T>(T _)
        where T : unmanaged
    {
        foreach (Numbers numbers in KernelBlock<T>.Finite)
        {
            for (int length = 1; length < 200; length++)
            {
                KernelBlock<T> operands = KernelBlock<T>.Random(_random, numbers, length, Sources);
                ulong[] masks = Masks(length, length % 2 == 0 ? 1 : Sources);
                MaskedDeltas<T> deltas = new(operands.Block, masks);
                for (int source = 0; source < Sources; source++)
                {
                    for (int i = 0; i < length; i++)
                    {
                        string what = $"{numbers}, source {source}, element {i} of {length}";
                        double expected = Masked(operands, masks, source, i);
                        Assert.True(expected.Equals(deltas.Load1(source, i)), what);
                        Assert.True(i / 16 * 16 + 16 > length || expected.Equals(Lane(deltas, source, i)),
                            $"{what}, loaded with its neighbours");
                    }
                }
            }
        }
    }

    [Theory]
    [ElementTypes]
    public void Sums_of_squares_are_those_of_the_masked_deltas<T>(T _)
        where T : unmanaged
    {
        for (int length = 1; length < 100; length++)
        {
            KernelBlock<T> operands = KernelBlock<T>.Random(_random, length % 2 == 0 ? Numbers.Eighths : Numbers.Weights, length, Sources);
            ulong[] masks = Masks(length, length % 3 == 0 ? 1 : Sources);
            MaskedDeltas<T> deltas = new(operands.Block, masks);
            for (int source = 0; source < Sources; source++)
            {
                double expected = Enumerable.Range(0, length).Sum(i => Math.Pow(Masked(operands, masks, source, i), 2));
                double sum = deltas.SumOfSquares(source);
                Assert.True(Math.Abs(sum - expected) <= 1e-14 * expected,
                    $"source {source} of {length} elements: {sum:R}, expected {expected:R}");
            }
        }
    }

    /// <summary>Computes a masked delta by its definition; one mask is shared.</summary>
    private static double Masked<T>(KernelBlock<T> operands, ulong[] masks, int source, int at)
        where T : unmanaged
    {
        int words = BitMask.WordCount(operands.Length);
        return BitMask.IsSet(masks.AsSpan(masks.Length == words ? 0 : source * words), at) ? operands.Delta(source, at) : 0;
    }

    private static double Lane<T>(in MaskedDeltas<T> deltas, int source, int at)
        where T : unmanaged
    {
        int first = at / 16 * 16, lane = at % 16;
        T[] from = deltas.Base.ToArray();
        (Vector512<double> x, Vector512<double> y) = VectorWidening.Load16(ref from[0], first);
        (Vector512<double> lower, Vector512<double> upper) = deltas.Load16(source, first, x, y);
        return typeof(T) == typeof(BFloat16) ? (lane % 2 == 0 ? lower : upper)[lane / 2] : (lane < 8 ? lower : upper)[lane % 8];
    }

    private ulong[] Masks(int length, int count) =>
        [.. Enumerable.Range(0, count * BitMask.WordCount(length)).Select(_ => (ulong)_random.NextInt64(long.MinValue, long.MaxValue))];
}
