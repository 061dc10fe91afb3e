using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Tests.Numerics;

[Trait("Category", "Kernel")]
public sealed class ElementCodecTests
{
    public static TheoryData<DType> Arithmetic => [.. DTypes.All.Where(d => d.SupportsArithmetic())];

    [Theory]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float16)]
    public void Float64_is_rounded_once(DType dtype)
    {
        SmallFloat oracle = dtype == DType.BFloat16 ? SmallFloat.BFloat16 : SmallFloat.Float16;
        double[] values = [.. HardDoubles.Of(oracle)];
        ReadOnlySpan<ushort> codes = MemoryMarshal.Cast<byte, ushort>(SmallModels.Encode(dtype, values));
        for (int i = 0; i < values.Length; i++)
        {
            double expected = oracle.Round(values[i]), actual = oracle.Decode(codes[i]);
            bool same = double.IsNaN(expected)
                ? double.IsNaN(actual)
                : expected.Equals(actual) && double.IsNegative(expected) == double.IsNegative(actual);
            if (!same)
            {
                Assert.Fail(FormattableString.Invariant($"{values[i]:R} became {codes[i]:X4} ({actual:R}), expected {expected:R}"));
            }
        }
    }

    /// <summary>An inexact number becomes the neighbour whose last bit is set.</summary>
    [Fact]
    public void Rounding_to_odd_takes_the_odd_neighbour()
    {
        Noise noise = new(5);
        IEnumerable<double> any = Enumerable.Range(0, 50_000).Select(_ => BitConverter.UInt64BitsToDouble(noise.Next()));
        IEnumerable<double> near = Enumerable.Range(0, 50_000)
            .Select(_ => Math.ScaleB(1 + (noise.Next() * Math.ScaleB(1, -64)), noise.Below(300) - 160));
        foreach (double value in any.Concat(near).Where(d => !double.IsNaN(d)).SelectMany(d => new[] { d, -d }))
        {
            float odd = SixteenBitFloats.RoundToOdd(value);
            if (odd == value)
            {
                continue;
            }

            Assert.True((BitConverter.SingleToUInt32Bits(odd) & 1) == 1
                && float.IsFinite(odd) && float.IsNegative(odd) == double.IsNegative(value));
            Assert.True(Math.Abs(value) > float.MaxValue
                ? MathF.Abs(odd) == float.MaxValue
                : MathF.BitDecrement(odd) < value && value < MathF.BitIncrement(odd));
            Assert.False((double)(float)value == value);
        }

        Assert.Equal(float.PositiveInfinity, SixteenBitFloats.RoundToOdd(double.PositiveInfinity));
        Assert.Equal(float.NegativeInfinity, SixteenBitFloats.RoundToOdd(double.NegativeInfinity));
        Assert.True(float.IsNaN(SixteenBitFloats.RoundToOdd(double.NaN)));
        Assert.True(float.IsNegative(SixteenBitFloats.RoundToOdd(-0.0)));
    }

    [Theory]
    [MemberData(nameof(Arithmetic))]
    public void Bytes_are_widened_and_narrowed_back_at_any_length_and_address(DType dtype)
    {
        int width = dtype.Bits() / 8;
        byte[] random = new Noise(6).Bytes((1300 * 8) + 1);
        foreach (int length in new[] { 0, 1, 15, 16, 17, 31, 33, 100, 511, 512, 513, 1300 })
        {
            // Codes without NaN payloads: random ones widened to float64, NaN replaced by 1, and narrowed.
            double[] drawn = new double[length];
            ElementCodec.Widen(dtype, random.AsSpan(0, length * width), drawn);
            double[] values = [.. drawn.Select(v => double.IsNaN(v) ? 1 : v)];
            byte[] bytes = new byte[(length * width) + 1];
            ElementCodec.Narrow(dtype, values, bytes.AsSpan(1));
            Assert.Equal(0, bytes[0]);
            double[] doubles = new double[length];
            ElementCodec.Widen(dtype, bytes.AsSpan(1), doubles);
            Assert.Equal(values.Select(BitConverter.DoubleToInt64Bits), doubles.Select(BitConverter.DoubleToInt64Bits));
            float[] floats = new float[length];
            ElementCodec.Widen(dtype, bytes.AsSpan(1), floats);
            Assert.Equal(values.Select(v => (float)v), floats);
            if (dtype != DType.Float64)
            {
                byte[] back = new byte[length * width];
                ElementCodec.Narrow(dtype, floats, back);
                Assert.Equal(bytes[1..], back);
            }
        }
    }

    [Fact]
    public void Float64_is_rounded_to_the_nearest_even_float32()
    {
        double half = Math.ScaleB(1, -24);
        double[] values = [1 + half, 1 + (3 * half), 1 + half + Math.ScaleB(1, -50), 0.1, 1e300, -1e-300, -0.0];
        float[] floats = new float[values.Length];
        ElementCodec.Narrow(DType.Float32, values, MemoryMarshal.AsBytes(floats.AsSpan()));
        Assert.Equal([1f, 1 + (2 * MathF.ScaleB(1, -23)), 1 + MathF.ScaleB(1, -23), 0.1f, float.PositiveInfinity, -0f, -0f], floats);
        float[] widened = new float[values.Length];
        ElementCodec.Widen(DType.Float64, MemoryMarshal.AsBytes(values.AsSpan()), widened.AsSpan());
        Assert.Equal(floats, widened);
        Assert.True(float.IsNegative(floats[^1]) && float.IsNegative(floats[^2]));
    }

    [Fact]
    public void DTypes_without_arithmetic_are_rejected() =>
        Assert.All(DTypes.All.Where(d => !d.SupportsArithmetic()), d =>
        {
            Assert.Throws<NotSupportedException>(() => ElementCodec.Widen(d, new byte[8], new float[1].AsSpan()));
            Assert.Throws<NotSupportedException>(() => ElementCodec.Narrow(d, new float[1].AsSpan(), new byte[8]));
        });
}
