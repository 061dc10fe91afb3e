using LayerSwap.Merging;

namespace LayerSwap.Tests.Merging;

[Trait("Category", "Kernel")]
public sealed class MaskKernelTests
{
    private readonly Random _random = new(12);

    [Theory]
    [ElementTypes]
    public void Between_masks_deltas_whose_keys_are_within_bounds<T>(T _)
        where T : unmanaged
    {
        foreach (Numbers numbers in Enum.GetValues<Numbers>())
        {
            for (int length = 1; length < 200; length++)
            {
                KernelBlock<T> operands = KernelBlock<T>.Random(_random, numbers, length, 1);
                ulong[] keys = [.. operands.Deltas(0).Select(SortKey.Of)];
                foreach ((ulong low, ulong high) in Bounds(keys))
                {
                    ulong[] mask = Filled(length);
                    MaskKernel.MaskBetween(operands.Block.Base, operands.Block[0], low, high, mask);
                    AssertMask(keys.Select(k => k >= low && k <= high), mask, $"{numbers}, bounds {low:X} {high:X}");
                }
            }
        }
    }

    [Fact]
    public void AtLeast_masks_keys_from_a_bound_on()
    {
        for (int length = 1; length < 200; length++)
        {
            ulong[] keys = [.. KernelBlock<float>.Random(_random, Numbers.Special, length, 1).Deltas(0).Select(SortKey.Of)];
            foreach ((ulong low, _) in Bounds(keys))
            {
                ulong[] mask = Filled(length);
                MaskKernel.MaskAtLeast(keys, low, mask);
                AssertMask(keys.Select(k => k >= low), mask, $"bound {low:X}");
            }
        }
    }

    [Theory]
    [ElementTypes]
    public void L1Norms_sum_the_magnitudes_of_all_and_of_masked_deltas<T>(T _)
        where T : unmanaged
    {
        foreach (Numbers numbers in (Numbers[])[Numbers.Eighths, Numbers.Weights])
        {
            for (int length = 1; length < 200; length++)
            {
                KernelBlock<T> operands = KernelBlock<T>.Random(_random, numbers, length, 1);
                ulong[] mask = [.. Filled(length).Select(_ => (ulong)_random.NextInt64(long.MinValue, long.MaxValue))];
                double[] magnitudes = [.. operands.Deltas(0).Select(Math.Abs)];
                (double all, double kept) = MaskKernel.ComputeL1Norms(operands.Block.Base, operands.Block[0], mask);
                double expectedAll = magnitudes.Sum(), expectedKept = magnitudes.Where((_, i) => BitMask.IsSet(mask, i)).Sum();
                Assert.True(Math.Abs(all - expectedAll) <= 1e-14 * expectedAll, $"{length} {numbers}: {all:R}, expected {expectedAll:R}");
                Assert.True(Math.Abs(kept - expectedKept) <= 1e-14 * expectedKept,
                    $"{length} {numbers}, masked: {kept:R}, expected {expectedKept:R}");
            }
        }
    }

    private static ulong[] Filled(int length) => [.. Enumerable.Repeat(ulong.MaxValue, BitMask.WordCount(length))];

    private static void AssertMask(IEnumerable<bool> expected, ulong[] mask, string what)
    {
        bool[] bits = [.. expected];
        Assert.True(bits.SequenceEqual(Enumerable.Range(0, bits.Length).Select(i => BitMask.IsSet(mask, i))),
            $"{bits.Length} elements, {what}");
    }

    /// <summary>Bounds on keys and next to them, 0, and those that hold NaN or nothing.</summary>
    private (ulong Low, ulong High)[] Bounds(ulong[] keys)
    {
        ulong one = keys[_random.Next(keys.Length)], other = keys[_random.Next(keys.Length)], between = SortKey.Of(_random.NextDouble());
        return
        [
            (Math.Min(one, other), Math.Max(one, other)), (one, one), (0, one), (0, 0),
            (one, long.MaxValue), (one + 1, long.MaxValue), (between, long.MaxValue), (0, between),
            (Math.Min(one, between), Math.Max(one, between)), (Math.Max(one, 1) - 1, one),
            (SortKey.NaN, SortKey.NaN), (long.MaxValue, long.MaxValue), (0, long.MaxValue),
        ];
    }
}
