using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Tests.Numerics;

[Trait("Category", "Kernel")]
public sealed class SixteenBitTests
{
    private static readonly ushort[] Every = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i)];

    [Fact]
    public void Every_BF16_is_widened_to_its_value()
    {
        float[] wide = new float[65536];
        SixteenBitVectors.FromBFloat16(Every, wide);
        AssertBits([.. Every.Select(SixteenBitFloats.FromBFloat16)], wide);
        Assert.All(Every, code => Assert.Equal(SmallFloat.BFloat16.Decode(code), wide[code]));
    }

    [Fact]
    public void Every_F16_is_widened_to_its_value()
    {
        float[] wide = new float[65536];
        SixteenBitVectors.FromFloat16(Every, wide);
        AssertBits([.. Every.Select(SixteenBitFloats.FromFloat16)], wide);
        Assert.All(Every, code => Assert.Equal(SmallFloat.Float16.Decode(code), wide[code]));
    }

    [Fact]
    public void Every_widened_value_is_narrowed_to_its_bits()
    {
        float[] wide = new float[65536];
        ushort[] back = new ushort[65536];
        SixteenBitVectors.FromBFloat16(Every, wide);
        SixteenBitVectors.ToBFloat16(wide, back);
        Assert.All(Every, code => Assert.Equal(float.IsNaN(wide[code]) ? 0x7FC0 : code, back[code]));
        SixteenBitVectors.FromFloat16(Every, wide);
        SixteenBitVectors.ToFloat16(wide, back);
        Assert.All(Every, code => Assert.Equal(float.IsNaN(wide[code]) ? code | 0x200 : code, back[code]));
    }

    /// <summary>Tries every BF16, the midpoint to the next, and the float32 next to that midpoint.</summary>
    [Fact]
    public void BF16_is_rounded_to_nearest_even() =>
        CheckNarrow(
            [
                .. from code in Enumerable.Range(0, 65536)
                   from low in new uint[] { 0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF }
                   select BitConverter.UInt32BitsToSingle(((uint)code << 16) | low),
            ],
            SixteenBitVectors.ToBFloat16, SixteenBitFloats.ToBFloat16, SmallFloat.BFloat16);

    [Fact]
    public void F16_is_rounded_to_nearest_even()
    {
        double[] magnitudes = SmallFloat.Float16.Magnitudes();
        IEnumerable<float> positive = magnitudes.Zip(magnitudes.Skip(1), (a, b) => (float)((a + b) / 2))
            .Concat(magnitudes.Select(m => (float)m))
            .SelectMany(f => new[] { MathF.BitDecrement(f), f, MathF.BitIncrement(f) });
        CheckNarrow([.. positive.SelectMany(f => new[] { f, -f })],
            SixteenBitVectors.ToFloat16, SixteenBitFloats.ToFloat16, SmallFloat.Float16);
    }

    [Fact]
    public void Any_bits_are_narrowed_alike_in_vectors_and_alone()
    {
        float[] hard = [float.NaN, float.PositiveInfinity, float.Epsilon, float.MaxValue, 0];
        float[] any = [.. new Noise(1).AnyFloats(300_000), .. hard, .. hard.Select(h => -h)];
        CheckNarrow(any, SixteenBitVectors.ToBFloat16, SixteenBitFloats.ToBFloat16, SmallFloat.BFloat16);
        CheckNarrow(any, SixteenBitVectors.ToFloat16, SixteenBitFloats.ToFloat16, SmallFloat.Float16);
    }

    [Fact]
    public void Any_length_and_start_is_converted_and_nothing_around_it()
    {
        float[] floats = new Noise(2).AnyFloats(160);
        ushort[] codes = MemoryMarshal.Cast<byte, ushort>(new Noise(3).Bytes(320)).ToArray();
        for (int length = 0; length <= 100; length++)
        {
            int start = length % 7;
            CheckPart(floats, start, length, SixteenBitVectors.ToBFloat16, SixteenBitFloats.ToBFloat16);
            CheckPart(floats, start, length, SixteenBitVectors.ToFloat16, SixteenBitFloats.ToFloat16);
            CheckPart<ushort, float, uint>(
                codes, start, length, (from, to) => SixteenBitVectors.FromBFloat16(from, to),
                c => Bits(SixteenBitFloats.FromBFloat16(c)), Bits);
            CheckPart<ushort, float, uint>(codes, start, length, SixteenBitVectors.FromFloat16,
                c => Bits(SixteenBitFloats.FromFloat16(c)), Bits);
        }

        static uint Bits(float f) => BitConverter.SingleToUInt32Bits(f);
    }

    [Fact]
    public void A_non_finite_BF16_is_reported_at_any_place()
    {
        foreach (int length in (int[])[1, 31, 32, 33, 64, 100])
        {
            ushort[] codes = [.. Enumerable.Range(0, length).Select(i => (ushort)(i % 2 == 0 ? 0x7F7F : 0xFF7F))];
            Assert.True(SixteenBitVectors.FromBFloat16(codes, new float[length]));
            for (int at = 0; at < length; at++)
            {
                foreach (ushort code in (ushort[])[0x7F80, 0xFF80, 0x7FC0, 0xFF81])
                {
                    (ushort before, codes[at]) = (codes[at], code);
                    Assert.False(SixteenBitVectors.FromBFloat16(codes, new float[length]));
                    codes[at] = before;
                }
            }
        }
    }

    private delegate void Convert<TFrom, TTo>(ReadOnlySpan<TFrom> source, Span<TTo> destination);

    private static void CheckPart(float[] source, int start, int length, Convert<float, ushort> vector, Func<float, ushort> scalar) =>
        CheckPart(source, start, length, vector, scalar, (ushort code) => code);

    private static void CheckPart<TFrom, TTo, TBits>(TFrom[] source, int start, int length,
        Convert<TFrom, TTo> vector, Func<TFrom, TBits> scalar, Func<TTo, TBits> bits)
        where TTo : struct
    {
        TTo[] room = new TTo[length + 40];
        vector(source.AsSpan(start, length), room.AsSpan(5, length));
        Assert.Equal(source.Skip(start).Take(length).Select(scalar), room.Skip(5).Take(length).Select(bits));
        Assert.All(room[..5].Concat(room[(5 + length)..]), rest => Assert.Equal(default, rest));
    }

    private static void CheckNarrow(float[] source, Convert<float, ushort> vector, Func<float, ushort> scalar, SmallFloat oracle)
    {
        ushort[] codes = new ushort[source.Length];
        vector(source, codes);
        for (int i = 0; i < source.Length; i++)
        {
            double expected = oracle.Round(source[i]);
            bool right = codes[i] == scalar(source[i])
                && (double.IsNaN(expected) ? double.IsNaN(oracle.Decode(codes[i])) : Same(expected, oracle.Decode(codes[i])))
                && (float.IsNaN(source[i]) || float.IsNegative(source[i]) == codes[i] >= 0x8000);
            if (!right)
            {
                uint bits = BitConverter.SingleToUInt32Bits(source[i]);
                Assert.Fail(FormattableString.Invariant($"{bits:X8}: {codes[i]:X4}, alone {scalar(source[i]):X4}, expected {expected:R}"));
            }
        }
    }

    private static bool Same(double a, double b) => BitConverter.DoubleToInt64Bits(a) == BitConverter.DoubleToInt64Bits(b);

    private static void AssertBits(float[] expected, float[] actual) =>
        Assert.Equal(expected.Select(BitConverter.SingleToUInt32Bits), actual.Select(BitConverter.SingleToUInt32Bits));
}
