using LayerSwap.Merging;
using LayerSwap.Tests.Merging.Oracles;

namespace LayerSwap.Tests.Merging;

[Trait("Category", "Kernel")]
public sealed class KeyKernelTests
{
    /// <summary>Keys inside and outside the range of float32, and keys of NaN.</summary>
    private static readonly ulong[] HardBounds =
        [0, 1, SortKey.Of(float.Epsilon), SortKey.Of(0.1), SortKey.Of(float.MaxValue),
            SortKey.Of(1e300), SortKey.Of(double.PositiveInfinity), SortKey.NaN, long.MaxValue];

    private readonly Random _random = new(6);

    [Theory]
    [ElementTypes]
    public void Deltas_are_subtracted_in_float64<T>(T _)
        where T : unmanaged
    {
        foreach (Numbers numbers in Enum.GetValues<Numbers>())
        {
            for (int length = 1; length < 120; length++)
            {
                KernelBlock<T> operands = KernelBlock<T>.Random(_random, numbers, length, 1);
                ulong[] keys = new ulong[length];
                KeyKernel.ComputeDeltaKeys(operands.Block.Base, operands.Block[0], keys);
                Assert.True(operands.Deltas(0).Select(SortKey.Of).SequenceEqual(keys), $"{length} {numbers}");
            }
        }
    }

    [Theory]
    [ElementTypes]
    public void Float32_deltas_are_exact_or_refused<T>(T _)
        where T : unmanaged
    {
        int accepted = 0;
        foreach (Numbers numbers in Enum.GetValues<Numbers>())
        {
            for (int length = 1; length < 120; length++)
            {
                KernelBlock<T> operands = KernelBlock<T>.Random(_random, numbers, length, 1);
                int[] keys = [.. Enumerable.Repeat(-1, MagnitudeBins.Padded(length))], expected = new int[keys.Length];
                bool exact = typeof(T) != typeof(double);
                for (int i = 0; i < length; i++)
                {
                    float delta = (float)operands.Delta(0, i);
                    expected[i] = BitConverter.SingleToInt32Bits(Math.Abs(delta));
                    exact &= float.IsFinite(delta) && Exact.Difference(operands.Source(0, i), operands.Base(i)) == Exact.Units(delta);
                }

                string what = $"{length} {numbers}";
                Assert.True(exact == KeyKernel.TryComputeDeltaKeys(operands.Block.Base, operands.Block[0], keys, out int largest), what);
                Assert.True(!exact || (expected.SequenceEqual(keys) && largest == expected.Max()), what);
                accepted += exact ? 1 : 0;
            }
        }

        Assert.InRange(accepted, typeof(T) == typeof(double) ? 0 : 119, 3 * 119);
    }

    [Fact]
    public void Keys_are_counted_and_listed_by_their_bounds()
    {
        for (int length = 0; length < 120; length++)
        {
            ulong[] keys = [.. Enumerable.Range(0, length)
                .Select(_ => _random.Next(4) == 0 ? Pick(HardBounds) : SortKey.Of(_random.Next(12)))];
            (ulong low, ulong high) = Bounds(keys);
            ulong[] found = new ulong[length];
            KeyCounts counts = KeyKernel.CountWithin(keys, low, high, found);
            AssertCounts(keys, low, high, counts, found[..(int)counts.Within]);
        }
    }

    [Fact]
    public void Float32_keys_are_counted_and_listed_by_bounds_that_may_lie_between_them()
    {
        float[] numbers = [0, 0.25f, float.Epsilon, float.MaxValue, BitConverter.Int32BitsToSingle(0x3DCCCCCC), 0.1f];
        for (int round = 0; round < 2000; round++)
        {
            int length = round % 120;
            int[] bits = [.. Enumerable.Range(0, length).Select(_ =>
                BitConverter.SingleToInt32Bits(_random.Next(3) == 0
                    ? (float)_random.NextDouble()
                    : numbers[_random.Next(numbers.Length)]))];
            ulong[] keys = [.. bits.Select(Widen)];
            (ulong low, ulong high) = Bounds(keys);
            int[] found = new int[length];
            KeyCounts counts = KeyKernel.CountWithin(bits, low, high, found);
            AssertCounts(keys, low, high, counts, [.. found[..(int)counts.Within].Select(Widen)]);
        }

        static ulong Widen(int bits) => SortKey.Of(BitConverter.Int32BitsToSingle(bits));
    }

    private static void AssertCounts(ulong[] keys, ulong low, ulong high, KeyCounts counts, ulong[] found)
    {
        ulong[] within = [.. keys.Where(k => k > low && k < high)];
        KeyCounts expected = new(
            keys.Count(k => k > high), keys.Count(k => k == high),
            low == high ? 0 : keys.Count(k => k == low), within.Length, keys.Count(k => k == 0));
        Assert.True(expected == counts, $"{keys.Length} keys, bounds {low:X} {high:X}: {counts}, expected {expected}");
        Assert.True(within.SequenceEqual(found), $"{keys.Length} keys, bounds {low:X} {high:X}: other keys were listed");
    }

    /// <summary>Bounds on keys, between them, next to each other, equal, or beyond all keys.</summary>
    private (ulong Low, ulong High) Bounds(ulong[] keys)
    {
        ulong[] bounds = [.. Enumerable.Range(0, 2).Select(_ => _random.Next(3) switch
        {
            0 => Pick(HardBounds),
            1 when keys.Length > 0 => Pick(keys),
            _ => SortKey.Of(_random.NextDouble()),
        }).Order()];
        return _random.Next(6) switch
        {
            0 when bounds[0] < long.MaxValue => (bounds[0], bounds[0] + 1),
            1 => (bounds[0], bounds[0]),
            _ => (bounds[0], bounds[1])
        };
    }

    private ulong Pick(ulong[] keys) => keys[_random.Next(keys.Length)];
}
