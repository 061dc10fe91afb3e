using System.Buffers.Binary;
using LayerSwap.Numerics;

namespace LayerSwap.Tests.Numerics;

[Trait("Category", "Kernel")]
public sealed class NonFiniteTests
{
    [Theory]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float16)]
    public void Every_code_of_16_bits_is_classified(DType dtype)
    {
        byte[] all = new byte[2 * 65536];
        float[] wide = new float[65536];
        for (int i = 0; i < 65536; i++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(all.AsSpan(2 * i), (ushort)i);
        }

        ElementCodec.Widen(dtype, all, wide);
        Assert.Equal(wide.Count(f => !float.IsFinite(f)), NonFinite.Count(dtype, all));
        for (int i = 0; i < 65536; i += 97)
        {
            Assert.Equal(float.IsFinite(wide[i]) ? 0 : 1, NonFinite.Count(dtype, all.AsSpan(2 * i, 2)));
        }
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    [InlineData(DType.Float8E5M2)]
    public void Non_finite_elements_are_counted_at_any_place(DType dtype)
    {
        for (int length = 0; length < 70; length++)
        {
            double[] values =
                [.. Enumerable.Range(0, length)
                    .Select(i => (i % 5) switch { 0 => double.NaN, 3 => double.NegativeInfinity, _ => i - 20.0 })];
            Assert.Equal(values.Count(v => !double.IsFinite(v)), NonFinite.Count(dtype, SmallModels.Encode(dtype, values)));
        }
    }

    [Fact]
    public void A_non_finite_BF16_is_found_at_any_place()
    {
        Noise noise = new(31);
        for (int length = 0; length < 140; length++)
        {
            BFloat16[] elements = [.. noise.Weights(length).Select(w => new BFloat16(SixteenBitFloats.ToBFloat16(w)))];
            Assert.True(NonFinite.AllFinite(elements), $"{length} finite elements");
            for (int i = 0; i < length; i++)
            {
                BFloat16 own = elements[i];
                foreach (ushort bits in (ReadOnlySpan<ushort>)[0x7F80, 0xFF80, 0x7FC0, 0xFF81])
                {
                    elements[i] = new BFloat16(bits);
                    Assert.False(NonFinite.AllFinite(elements), $"{bits:X4} at {i} of {length}");
                }

                elements[i] = own;
            }
        }
    }

    [Fact]
    public void Every_NaN_gets_the_same_bits()
    {
        for (int length = 0; length < 70; length++)
        {
            float[] float32 = [.. Enumerable.Range(0, length).Select(i => (i % 5) switch
            {
                0 => BitConverter.UInt32BitsToSingle(0xFFC0_0001u + (uint)i),
                3 => float.NegativeInfinity,
                _ => i - 20,
            })];
            double[] float64 =
                [.. float32.Select((v, i) => float.IsNaN(v) ? BitConverter.UInt64BitsToDouble(0x7FF0_0000_0000_0001 + (ulong)i) : v)];
            uint[] expected32 = [.. float32.Select(v => float.IsNaN(v) ? 0x7FC0_0000u : BitConverter.SingleToUInt32Bits(v))];
            ulong[] expected64 = [.. float64.Select(v => double.IsNaN(v) ? 0x7FF8_0000_0000_0000 : BitConverter.DoubleToUInt64Bits(v))];
            NonFinite.CanonicalizeNaNs<float>(float32);
            NonFinite.CanonicalizeNaNs<double>(float64);
            Assert.Equal(expected32, float32.Select(BitConverter.SingleToUInt32Bits));
            Assert.Equal(expected64, float64.Select(BitConverter.DoubleToUInt64Bits));
        }
    }
}
