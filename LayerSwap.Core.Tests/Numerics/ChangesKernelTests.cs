using LayerSwap.Merging;
using LayerSwap.Numerics;

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
            // With every second length all differences are exact in singles.
            float[] origin = length % 2 == 0 ? Values(length) : Eighths(length), tuned = length % 2 == 0 ? Values(length) : Eighths(length);
            double[] changes = [.. tuned.Zip(origin, (t, o) => (double)t - o)];
            ulong[] keys = [.. changes.Select(Cut.KeyOf)];
            ulong one = keys[_random.Next(length)], other = keys[_random.Next(length)], below = Cut.KeyOf(Math.BitDecrement(BitConverter.UInt64BitsToDouble(one)));
            foreach ((ulong low, ulong high) in (Span<(ulong, ulong)>)[(Math.Min(one, other), Math.Max(one, other)), (one, one), (Math.Min(one, below), one), (one + 1, long.MaxValue), (0UL, one)])
            {
                ulong[] bits = [.. Enumerable.Repeat(ulong.MaxValue, Bits.Words(length))];
                MaskKernel.Between<float>(origin, tuned, low, high, bits);
                Assert.Equal(keys.Select(k => k >= low && k <= high), Enumerable.Range(0, length).Select(i => Bits.IsSet(bits, i)));
                MaskKernel.Between<double>([.. origin], [.. tuned], low, high, bits);
                Assert.Equal(keys.Select(k => k >= low && k <= high), Enumerable.Range(0, length).Select(i => Bits.IsSet(bits, i)));
            }
        }
    }

    [Fact]
    public void Variances_are_those_of_changes_and_select_them()
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
                    double mean = own.Sum() / sources, variance = own.All(c => c.Equals(own[0])) ? 0 : own.Sum(c => (c - mean) * (c - mean)) / sources;
                    Assert.True(double.IsNaN(variance) ? keys[i] > 0x7FF0000000000000 : keys[i] == Cut.KeyOf(variance), $"element {i} of {length}, {sources} sources");
                }

                ulong low = keys[_random.Next(length)];
                VarianceKernel.Selected<float>(origin, rows, low, changes);
                Assert.Equal(expected.Select((c, i) => keys[i % length] >= low ? c : 0), changes);
            }
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
        0 => float.NaN,
        1 => float.PositiveInfinity,
        2 => float.MaxValue,
        3 => -0f,
        4 => float.Epsilon,
        5 or 6 or 7 => 0.25f,
        _ => (float)_random.NextDouble() - 0.5f,
    })];
}
