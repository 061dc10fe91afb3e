using LayerSwap.Diff;
using LayerSwap.Numerics;

namespace LayerSwap.Tests.Diff;

[Trait("Category", "Kernel")]
public sealed class DeltaKernelTests
{
    private const double Tolerance = 1e-13;

    [Fact]
    public void Sums_of_deltas_are_those_of_the_definition_at_every_length()
    {
        Noise noise = new(11);
        for (int length = 0; length <= 100; length++)
        {
            float[] x = noise.Weights(length + 3), y = [.. noise.Weights(length + 3).Zip(x, (a, b) => noise.Below(3) == 0 ? b : a)];
            DeltaSums vector = new(), scalar = new(), oracle = Define(x.AsSpan(3), y.AsSpan(3));
            DeltaKernel.ObserveModel<float>(x.AsSpan(3), y.AsSpan(3), [], vector);
            DeltaKernel.ObserveModelScalar<float>(x.AsSpan(3), y.AsSpan(3), [], scalar);
            AssertClose(oracle, vector);
            AssertClose(oracle, scalar);
        }
    }

    [Fact]
    public void Float64_elements_are_summed_by_the_same_definition()
    {
        double[] x = [.. new Noise(12).Weights(50).Select(f => f * 1.1)], y = [.. new Noise(13).Weights(50).Select(f => f * 1.3)];
        DeltaSums sums = new();
        DeltaKernel.ObserveModel<double>(x, y, [], sums);
        Assert.Equal(x.Zip(y, (a, b) => Math.Abs(b - a)).Sum(), sums.AbsDelta, Tolerance);
        Assert.Equal(x.Zip(y, (a, b) => a * b).Sum(), sums.Dot, Tolerance);
        Assert.Equal(x.Zip(y, (a, b) => Math.Abs(b - a)).Max(), sums.MaxAbs);
    }

    [Fact]
    public void Equal_values_with_different_bits_count_as_changed()
    {
        float[] x = [.. Enumerable.Repeat(0f, 40)], y = [.. Enumerable.Repeat(-0f, 40)];
        DeltaSums sums = new();
        DeltaKernel.ObserveModel<float>(x, y, [], sums);
        Assert.Equal(40, sums.Changed);
        Assert.Equal(0, sums.AbsDelta);
        sums = new();
        DeltaKernel.ObserveModel<float>([.. Enumerable.Repeat(float.NaN, 40)], [.. Enumerable.Repeat(float.NaN, 40)], [], sums);
        Assert.Equal(0, sums.Changed);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(36)]
    public void A_single_NaN_shows_in_every_sum(int at)
    {
        float[] x = new Noise(14).Weights(37), y = new Noise(15).Weights(37);
        y[at] = float.NaN;
        DeltaSums sums = new();
        DeltaKernel.ObserveModel<float>(x, y, [], sums);
        double[] all = [sums.AbsDelta, sums.SquareDelta, sums.SquareFineTuned, sums.Dot, sums.MaxAbs];
        Assert.All(all, sum => Assert.Equal(double.NaN, sum));
        DeltaSums later = new();
        DeltaKernel.ObserveModel<float>(x, x, [], later);
        sums.Add(later);
        later.Add(sums);
        Assert.True(double.IsNaN(sums.MaxAbs) && double.IsNaN(later.MaxAbs));
    }

    [Fact]
    public void Two_deltas_are_compared_by_the_definition_at_every_length()
    {
        Noise noise = new(16);
        for (int length = 0; length <= 100; length++)
        {
            float[] x = noise.Weights(length), a = noise.Weights(length),
                b = [.. noise.Weights(length).Zip(x, (v, o) => noise.Below(3) == 0 ? o : v)];
            AgreementSums vector = new(), scalar = new();
            DeltaKernel.ObservePair<float>(x, a, b, vector);
            DeltaKernel.ObservePairScalar<float>(x, a, b, scalar);
            double[] p = [.. a.Zip(x, (v, o) => (double)(v - o))], q = [.. b.Zip(x, (v, o) => (double)(v - o))];
            Assert.All(new[] { vector, scalar }, sums =>
            {
                Assert.Equal(p.Zip(q, (v, w) => v * w).Sum(), sums.Dot, Tolerance * (length + 1));
                Assert.Equal(p.Zip(q, (v, w) => Math.Sign(v) * Math.Sign(w) == -1).Count(conflict => conflict), sums.Conflicts);
            });
        }
    }

    [Fact]
    public void Two_models_at_once_give_the_bits_of_one_after_the_other()
    {
        Noise noise = new(20);
        for (int length = 0; length <= 100; length++)
        {
            float[] x = noise.AnyFloats(length), a = [.. noise.Weights(length).Zip(x, (v, o) => noise.Below(3) == 0 ? o : v)];
            float[] b = length % 2 == 0 ? noise.AnyFloats(length) : noise.Weights(length);
            (BaseSums baseSums, DeltaSums ofA, DeltaSums ofB, AgreementSums both) = (new(), new(), new(), new());
            (BaseSums baseSums2, DeltaSums ofA2, DeltaSums ofB2, AgreementSums both2) = (new(), new(), new(), new());
            DeltaKernel.ObserveTwo<float>(x, a, b, baseSums, ofA, ofB, both);
            DeltaKernel.ObserveBase<float>(x, baseSums2);
            DeltaKernel.ObserveModel<float>(x, a, [], ofA2);
            DeltaKernel.ObserveModel<float>(x, b, [], ofB2);
            DeltaKernel.ObservePair<float>(x, a, b, both2);
            Assert.Equivalent(baseSums2, baseSums, strict: true);
            Assert.Equivalent(ofA2, ofA, strict: true);
            Assert.Equivalent(ofB2, ofB, strict: true);
            Assert.Equivalent(both2, both, strict: true);
        }

        double[] doubles = [1, 2, -3], first = [2, 1, -3], second = [0, 5, 1];
        AgreementSums ofDoubles = new();
        DeltaKernel.ObserveTwo<double>(doubles, first, second, new BaseSums(), new DeltaSums(), new DeltaSums(), ofDoubles);
        Assert.Equal((-4, 2), (ofDoubles.Dot, ofDoubles.Conflicts));
    }

    [Fact]
    public void BF16_gives_the_sums_of_widened_elements_the_even_ones_first()
    {
        Noise noise = new(21);
        for (int length = 0; length <= 100; length++)
        {
            ushort[] bits = [.. noise.AnyFloats(3 * length).Select(f => (ushort)(BitConverter.SingleToUInt32Bits(f) >> 16))];
            BFloat16[] x = [.. bits[..length].Select(b => new BFloat16(b))], b = [.. bits[(2 * length)..].Select(b => new BFloat16(b))];
            BFloat16[] a = [.. x.Select((o, i) => noise.Below(3) == 0 ? o : new BFloat16(bits[length + i]))];
            (BaseSums baseSums, DeltaSums ofA, DeltaSums ofB, AgreementSums both) = (new(), new(), new(), new());
            (BaseSums baseSums2, DeltaSums ofA2, DeltaSums ofB2, AgreementSums both2) = (new(), new(), new(), new());
            DeltaKernel.ObserveTwo<BFloat16>(x, a, b, baseSums, ofA, ofB, both);
            DeltaKernel.ObserveTwo<float>(Widened(x), Widened(a), Widened(b), baseSums2, ofA2, ofB2, both2);
            Assert.Equivalent(baseSums2, baseSums, strict: true);
            Assert.Equivalent(ofA2, ofA, strict: true);
            Assert.Equivalent(ofB2, ofB, strict: true);
            Assert.Equivalent(both2, both, strict: true);
        }
    }

    /// <summary>Widens elements: the even ones of every sixteen come first.</summary>
    private static float[] Widened(BFloat16[] elements) =>
        [.. elements.Chunk(16)
            .SelectMany(c => c.Length < 16 ? c : c.Where((_, i) => i % 2 == 0).Concat(c.Where((_, i) => i % 2 != 0))).Select(e => e.Value)];

    [Fact]
    public void Conflicts_are_counted_for_the_smallest_deltas()
    {
        float[] x = new float[40], a = [.. Enumerable.Repeat(float.Epsilon, 40)], b = [.. Enumerable.Repeat(-float.Epsilon, 40)];
        AgreementSums sums = new();
        DeltaKernel.ObservePair<float>(x, a, b, sums);
        Assert.Equal(40, sums.Conflicts);
    }

    [Fact]
    public void Sums_of_a_base_and_of_columns_are_those_of_the_definition_at_every_length()
    {
        Noise noise = new(19);
        for (int length = 0; length <= 100; length++)
        {
            float[] x = noise.Weights(length), y = noise.Weights(length);
            BaseSums vector = new(), scalar = new();
            DeltaKernel.ObserveBase<float>(x, vector);
            DeltaKernel.ObserveBaseScalar<float>(x, scalar);
            double[] deltas = [.. x.Zip(y, (a, b) => (double)Math.Abs(b - a))],
                columns = [.. deltas.Select((_, i) => (double)i)], twin = [.. columns];
            Assert.All(new[] { vector, scalar }, sums =>
            {
                Assert.Equal(x.Sum(v => Math.Abs((double)v)), sums.AbsSum, Tolerance * (length + 1));
                Assert.Equal(x.Sum(v => (double)v * v), sums.SquareSum, Tolerance * (length + 1));
            });
            Assert.Equal(deltas.Sum(), DeltaKernel.ObserveModel<float>(x, y, columns, new DeltaSums()), Tolerance * (length + 1));
            Assert.Equal(deltas.Sum(), DeltaKernel.ObserveModelScalar<float>(x, y, twin, new DeltaSums()), Tolerance * (length + 1));
            Assert.Equal(deltas.Select((c, i) => i + c), columns);
            Assert.Equal(columns, twin);
        }
    }

    [Fact]
    public void Sums_of_blocks_are_added()
    {
        float[] x = new Noise(17).Weights(64), y = new Noise(18).Weights(64);
        DeltaSums whole = Define(x, y), parts = new();
        DeltaKernel.ObserveModel<float>(x.AsSpan(0, 20), y.AsSpan(0, 20), [], parts);
        DeltaKernel.ObserveModel<float>(x.AsSpan(20), y.AsSpan(20), [], parts);
        AssertClose(whole, parts);
    }

    private static DeltaSums Define(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        DeltaSums sums = new();
        for (int i = 0; i < x.Length; i++)
        {
            double d = y[i] - x[i];
            sums.AbsDelta += Math.Abs(d);
            sums.SquareDelta += d * d;
            sums.SquareFineTuned += (double)y[i] * y[i];
            sums.Dot += (double)x[i] * y[i];
            sums.MaxAbs = Math.Max(sums.MaxAbs, Math.Abs(d));
            sums.Changed += BitConverter.SingleToInt32Bits(x[i]) != BitConverter.SingleToInt32Bits(y[i]) ? 1 : 0;
        }

        return sums;
    }

    private static void AssertClose(DeltaSums expected, DeltaSums actual)
    {
        Assert.Equal(expected.AbsDelta, actual.AbsDelta, Tolerance * (expected.AbsDelta + 1));
        Assert.Equal(expected.SquareDelta, actual.SquareDelta, Tolerance * (expected.SquareDelta + 1));
        Assert.Equal(expected.SquareFineTuned, actual.SquareFineTuned, Tolerance * (expected.SquareFineTuned + 1));
        Assert.Equal(expected.Dot, actual.Dot, Tolerance * (expected.SquareFineTuned + expected.SquareDelta + 1));
        Assert.Equal(expected.MaxAbs, actual.MaxAbs);
        Assert.Equal(expected.Changed, actual.Changed);
    }
}
