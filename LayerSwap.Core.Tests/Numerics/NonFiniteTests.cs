using System.Buffers.Binary;
using LayerSwap.Numerics;

namespace LayerSwap.Tests.Numerics;

public sealed class NonFiniteTests
{
    [Theory]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float16)]
    public void All_patterns_of_16_bits_are_told_apart(DType dtype)
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
    public void Those_between_others_are_counted_wherever_they_are(DType dtype)
    {
        for (int length = 0; length < 70; length++)
        {
            double[] values = [.. Enumerable.Range(0, length).Select(i => (i % 5) switch { 0 => double.NaN, 3 => double.NegativeInfinity, _ => i - 20.0 })];
            Assert.Equal(values.Count(v => !double.IsFinite(v)), NonFinite.Count(dtype, SmallModels.Encode(dtype, values)));
        }
    }

    [Fact]
    public void All_that_is_no_number_gets_the_same_bits()
    {
        for (int length = 0; length < 70; length++)
        {
            float[] singles = [.. Enumerable.Range(0, length).Select(i => (i % 5) switch { 0 => BitConverter.UInt32BitsToSingle(0xFFC0_0001u + (uint)i), 3 => float.NegativeInfinity, _ => i - 20 })];
            double[] doubles = [.. singles.Select((v, i) => float.IsNaN(v) ? BitConverter.UInt64BitsToDouble(0x7FF0_0000_0000_0001 + (ulong)i) : v)];
            float[] unified = [.. singles];
            double[] unifiedDoubles = [.. doubles];
            NonFinite.Unify<float>(unified);
            NonFinite.Unify<double>(unifiedDoubles);
            Assert.Equal(singles.Select(v => float.IsNaN(v) ? 0x7FC0_0000u : BitConverter.SingleToUInt32Bits(v)), unified.Select(BitConverter.SingleToUInt32Bits));
            Assert.Equal(doubles.Select(v => double.IsNaN(v) ? 0x7FF8_0000_0000_0000 : BitConverter.DoubleToUInt64Bits(v)), unifiedDoubles.Select(BitConverter.DoubleToUInt64Bits));
        }
    }
}
