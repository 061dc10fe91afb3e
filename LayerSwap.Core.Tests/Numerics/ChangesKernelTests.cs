using LayerSwap.Merging;
using LayerSwap.Numerics;
using LayerSwap.Streaming;
using LayerSwap.Tests.Merging.Oracles;

namespace LayerSwap.Tests.Numerics;

/// <summary>Kernels that read a base and what was tuned from it, against plain loops over doubles; NaN, infinities and differences that no single holds among them.</summary>
public sealed class ChangesKernelTests
{
    private readonly Random _random = new(12);

    [Fact]
    public void Changes_between_keys_are_kept()
    {
        for (int length = 1; length < 300; length++)
        {
            // With every third length all differences are exact in singles, with every third but for one.
            float[] origin = length % 3 == 0 ? Values(length) : Eighths(length), tuned = length % 3 == 0 ? Values(length) : Eighths(length);
            int odd = _random.Next(length);
            if (length % 3 == 1)
            {
                tuned[odd] = _random.Next(2) == 0 ? float.NaN : 1e-9f;
            }

            double[] changes = [.. tuned.Zip(origin, (t, o) => (double)t - o)];
            ulong[] keys = [.. changes.Select(RankThreshold.KeyOf)];
            ulong one = keys[_random.Next(2) == 0 ? odd : _random.Next(length)], other = keys[_random.Next(length)], below = RankThreshold.KeyOf(Math.BitDecrement(BitConverter.UInt64BitsToDouble(one)));
            foreach ((ulong low, ulong high) in (Span<(ulong, ulong)>)[(Math.Min(one, other), Math.Max(one, other)), (one, one), (Math.Min(one, below), one), (one + 1, long.MaxValue), (0UL, one)])
            {
                ulong[] bits = [.. Enumerable.Repeat(ulong.MaxValue, BitMask.Words(length))];
                MaskKernel.Between<float>(origin, tuned, low, high, bits);
                Assert.Equal(keys.Select(k => k >= low && k <= high), Enumerable.Range(0, length).Select(i => BitMask.IsSet(bits, i)));
                MaskKernel.Between<double>([.. origin], [.. tuned], low, high, bits);
                Assert.Equal(keys.Select(k => k >= low && k <= high), Enumerable.Range(0, length).Select(i => BitMask.IsSet(bits, i)));
            }
        }
    }

    [Fact]
    public void Keys_are_squared_distances_or_the_distance_of_two_and_select()
    {
        foreach (int sources in new[] { 1, 2, 3, 4, 7 })
        {
            for (int length = 1; length < 70; length++)
            {
                float[] origin = Values(length), tuned = [.. Enumerable.Range(0, sources).SelectMany(_ => Values(length))];
                Rows<float> rows = new(tuned, length);
                double[] changes = new double[sources * length], expected = [.. tuned.Select((t, i) => (double)t - origin[i % length])];
                ulong[] keys = new ulong[length];
                VarianceKernel.Keys<float>(origin, rows, changes, keys);
                Assert.Equal(expected, changes);
                for (int i = 0; i < length; i++)
                {
                    double[] own = [.. Enumerable.Range(0, sources).Select(s => expected[(s * length) + i])];
                    double expectedKey = own.All(c => c.Equals(own[0])) ? 0 : !own.All(double.IsFinite) ? double.NaN : sources == 2 ? Math.Abs(own[0] - own[1]) : Exact.ToDouble(Exact.SquaredDistances(own));
                    double key = BitConverter.UInt64BitsToDouble(keys[i]);
                    Assert.True(expectedKey.Equals(key) || (double.IsNaN(expectedKey) && keys[i] == KeyKernel.NotANumber) || Math.Abs(key - expectedKey) <= expectedKey * 1e-15, $"element {i} of {length}, {sources} sources: {key:R}, expected {expectedKey:R}");
                }

                Assert.Equal(keys, Enumerable.Range(0, length).Select(i => VarianceKernel.KeyOf<float>(origin, new Rows<float>(tuned, length), i)));
                ulong low = keys[_random.Next(length)];
                ulong[] bits = [.. Enumerable.Repeat(ulong.MaxValue, BitMask.Words(length))];
                VarianceKernel.Selected<float>(origin, rows, low, bits);
                Assert.Equal(keys.Select(k => k >= low), Enumerable.Range(0, length).Select(i => BitMask.IsSet(bits, i)));
                VarianceKernel.Selected<double>([.. origin], new Rows<double>([.. tuned], length), low, bits);
                Assert.Equal(keys.Select(k => k >= low), Enumerable.Range(0, length).Select(i => BitMask.IsSet(bits, i)));
            }
        }
    }

    [Fact]
    public void Keys_of_pairs_are_counted_and_measured_without_being_kept()
    {
        for (int length = 1; length < 200; length++)
        {
            // With every fourth length not all is finite.
            Func<int, float[]> some = length % 4 == 0 ? Values : length % 2 == 0 ? Eighths : Weights;
            float[] origin = some(length), tuned = [.. some(length), .. some(length)];
            Rows<float> rows = new(tuned, length);
            double[] changes = new double[2 * length];
            ulong[] keys = new ulong[length], bits = [.. Enumerable.Repeat(ulong.MaxValue, BitMask.Words(length))];
            VarianceKernel.Keys<float>(origin, rows, changes, keys);
            ulong one = keys[_random.Next(length)], other = keys[_random.Next(length)];
            foreach ((ulong low, ulong high) in (Span<(ulong, ulong)>)[(Math.Min(one, other), Math.Max(one, other)), (one, one), (0UL, one), (one, long.MaxValue), (one / 2, one + 1)])
            {
                KeyEnergies[] energies = new KeyEnergies[2];
                KeyCounts? counts = VarianceKernel.Within(origin, rows, low, high, bits, energies);
                Assert.Equal(changes.All(double.IsFinite), counts is not null);
                if (counts is null)
                {
                    continue;
                }

                Assert.Equal(KeyKernel.Within(keys, low, high, new int[length]), counts);
                Assert.Equal(keys.Select(k => k > low && k < high), Enumerable.Range(0, length).Select(i => BitMask.IsSet(bits, i)));
                Assert.Equal(counts.Value.Within, bits.Sum(System.Numerics.BitOperations.PopCount));
                Assert.All(energies, (energy, s) => AreClose(SumKernel.Squares(changes.AsSpan(s * length, length), keys, low, high), energy));
            }
        }

        static void AreClose(KeyEnergies expected, KeyEnergies actual)
        {
            Assert.Equal(expected.Above, actual.Above, 1e-12);
            Assert.Equal(expected.AtHigh, actual.AtHigh, 1e-12);
            Assert.Equal(expected.AtLow, actual.AtLow, 1e-12);
        }
    }

    [Fact]
    public void Dot_products_of_a_pair_are_three_dot_products()
    {
        for (int length = 0; length < 100; length++)
        {
            float[] origin = Weights(length), a = Weights(length), b = Weights(length);
            foreach (float[] from in new[] { origin, [] })
            {
                (double aa, double ab, double bb) = DotKernel.Pair<float>(from, a, b);
                Assert.Equal(DotKernel.Scalar<float>(from, a, a), aa, 1e-9);
                Assert.Equal(DotKernel.Scalar<float>(from, a, b), ab, 1e-9);
                Assert.Equal(DotKernel.Scalar<float>(from, b, b), bb, 1e-9);
            }
        }
    }

    private float[] Weights(int length) => [.. Enumerable.Range(0, length).Select(_ => (float)_random.NextDouble() - 0.5f)];

    private float[] Eighths(int length) => [.. Enumerable.Range(0, length).Select(_ => _random.Next(-40, 40) / 8f)];

    private float[] Values(int length) => [.. Enumerable.Range(0, length).Select(_ => _random.Next(14) switch
    {
        // Of several NaNs that meet any may come out.
        0 => BitConverter.Int32BitsToSingle(_random.Next(0x7F80_0001, int.MaxValue)),
        1 => float.PositiveInfinity,
        2 => float.MaxValue,
        3 => -0f,
        4 => float.Epsilon,
        5 or 6 or 7 => 0.25f,
        _ => (float)_random.NextDouble() - 0.5f,
    })];
}
