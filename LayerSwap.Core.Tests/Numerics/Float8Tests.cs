using LayerSwap.Numerics;

namespace LayerSwap.Tests.Numerics;

public sealed class Float8Tests
{
    private static readonly Dictionary<DType, SmallFloat> Oracles = new()
    {
        [DType.Float8E5M2] = SmallFloat.E5M2,
        [DType.Float8E4M3] = SmallFloat.E4M3,
        [DType.Float8E4M3Fnuz] = SmallFloat.E4M3Fnuz,
        [DType.Float8E5M2Fnuz] = SmallFloat.E5M2Fnuz,
    };

    public static TheoryData<DType> Signed => [.. Oracles.Keys];

    public static TheoryData<DType> Formats => [.. Oracles.Keys, DType.Float8E8M0];

    [Theory]
    [MemberData(nameof(Signed))]
    public void Every_code_has_the_value_of_its_specification(DType dtype)
    {
        Float8 format = Float8.For(dtype)!;
        for (int code = 0; code < 256; code++)
        {
            double expected = Oracles[dtype].Decode(code);
            Assert.Equal(expected, format.Widen((byte)code));
            Assert.Equal(double.IsNegative(expected) && !double.IsNaN(expected),
                float.IsNegative(format.Widen((byte)code)) && !float.IsNaN(format.Widen((byte)code)));
        }
    }

    [Fact]
    public void Every_scale_code_is_a_power_of_two()
    {
        for (int code = 0; code < 255; code++)
        {
            Assert.Equal(Math.ScaleB(1, code - 127), Float8.E8M0.Widen((byte)code));
        }

        Assert.True(float.IsNaN(Float8.E8M0.Widen(255)));
    }

    [Theory]
    [InlineData(DType.Float8E5M2, 0x7B, 57344)]
    [InlineData(DType.Float8E5M2, 0x01, 1.52587890625e-05)]
    [InlineData(DType.Float8E5M2, 0x7C, double.PositiveInfinity)]
    [InlineData(DType.Float8E5M2, 0xFC, double.NegativeInfinity)]
    [InlineData(DType.Float8E5M2, 0x7D, double.NaN)]
    [InlineData(DType.Float8E5M2, 0xFF, double.NaN)]
    [InlineData(DType.Float8E4M3, 0x7E, 448)]
    [InlineData(DType.Float8E4M3, 0x01, 0.001953125)]
    [InlineData(DType.Float8E4M3, 0x7F, double.NaN)]
    [InlineData(DType.Float8E4M3, 0xFF, double.NaN)]
    [InlineData(DType.Float8E4M3Fnuz, 0x7F, 240)]
    [InlineData(DType.Float8E4M3Fnuz, 0x01, 0.0009765625)]
    [InlineData(DType.Float8E4M3Fnuz, 0x80, double.NaN)]
    [InlineData(DType.Float8E5M2Fnuz, 0x7F, 57344)]
    [InlineData(DType.Float8E5M2Fnuz, 0x01, 7.62939453125e-06)]
    [InlineData(DType.Float8E5M2Fnuz, 0x80, double.NaN)]
    [InlineData(DType.Float8E8M0, 0x7F, 1)]
    [InlineData(DType.Float8E8M0, 0x00, 5.8774717541114375e-39)]
    public void Landmarks_have_the_values_of_the_papers(DType dtype, byte code, double value) =>
        Assert.Equal(value, Float8.For(dtype)!.Widen(code));

    [Theory]
    [MemberData(nameof(Formats))]
    public void Every_widened_code_is_narrowed_to_itself(DType dtype)
    {
        Float8 format = Float8.For(dtype)!;
        for (int code = 0; code < 256; code++)
        {
            float value = format.Widen((byte)code);
            byte back = format.Narrow(value);
            Assert.True(float.IsNaN(value) ? float.IsNaN(format.Widen(back)) : back == code);
        }
    }

    [Theory]
    [MemberData(nameof(Signed))]
    public void Numbers_are_rounded_to_nearest_even_and_overflow_as_specified(DType dtype)
    {
        SmallFloat oracle = Oracles[dtype];
        double[] magnitudes = oracle.Magnitudes();
        IEnumerable<float> hard = magnitudes.Zip(magnitudes.Skip(1), (a, b) => (float)((a + b) / 2))
            .Concat(magnitudes.Select(m => (float)m))
            .SelectMany(f => new[] { MathF.BitDecrement(f), f, MathF.BitIncrement(f) })
            .Concat([1e10f, float.MaxValue, float.PositiveInfinity, float.NaN, float.Epsilon]);
        foreach (float value in hard.SelectMany(f => new[] { f, -f }).Concat(new Noise(4).AnyFloats(20_000)))
        {
            Check(dtype, value, Float8.For(dtype)!.Narrow(value));
        }
    }

    [Theory]
    [InlineData(DType.Float8E5M2, 61439.996f, 0x7B)]
    [InlineData(DType.Float8E5M2, 61440f, 0x7C)]
    [InlineData(DType.Float8E5M2, -61440f, 0xFC)]
    [InlineData(DType.Float8E4M3, 464f, 0x7E)]
    [InlineData(DType.Float8E4M3, 464.00003f, 0x7F)]
    [InlineData(DType.Float8E4M3, float.NegativeInfinity, 0xFF)]
    [InlineData(DType.Float8E4M3Fnuz, 247.99998f, 0x7F)]
    [InlineData(DType.Float8E4M3Fnuz, 248f, 0x80)]
    [InlineData(DType.Float8E4M3Fnuz, -1e-9f, 0x00)]
    [InlineData(DType.Float8E4M3Fnuz, -0f, 0x00)]
    [InlineData(DType.Float8E5M2Fnuz, float.NegativeInfinity, 0x80)]
    [InlineData(DType.Float8E5M2, -1e-9f, 0x80)]
    public void Numbers_near_overflow_and_below_zero_have_codes(DType dtype, float value, byte code) =>
        Assert.Equal(code, Float8.For(dtype)!.Narrow(value));

    [Fact]
    public void A_scale_is_the_nearest_power_of_two_ties_to_the_even_code()
    {
        for (int code = 0; code < 254; code++)
        {
            float midpoint = (float)Math.ScaleB(1.5, code - 127);
            Assert.Equal(code, Float8.E8M0.Narrow(MathF.BitDecrement(midpoint)));
            Assert.Equal(code + (code % 2), Float8.E8M0.Narrow(midpoint));
            Assert.Equal(code + 1, Float8.E8M0.Narrow(MathF.BitIncrement(midpoint)));
        }
    }

    [Fact]
    public void A_scale_that_is_too_large_is_NaN()
    {
        float midpoint = (float)Math.ScaleB(1.5, 127);
        Assert.Equal(254, Float8.E8M0.Narrow(MathF.BitDecrement(midpoint)));
        Assert.Equal(254, Float8.E8M0.Narrow(midpoint));
        Assert.Equal(255, Float8.E8M0.Narrow(MathF.BitIncrement(midpoint)));
        Assert.Equal(255, Float8.E8M0.Narrow(float.MaxValue));
        Assert.Equal(255, Float8.E8M0.Narrow(float.PositiveInfinity));
        Assert.Equal(255, Float8.E8M0.Narrow(float.NaN));
    }

    [Fact]
    public void A_scale_below_all_is_the_smallest_and_a_negative_one_NaN()
    {
        Assert.Equal(0, Float8.E8M0.Narrow(0));
        Assert.Equal(0, Float8.E8M0.Narrow(-0f));
        Assert.Equal(0, Float8.E8M0.Narrow(float.Epsilon));
        Assert.Equal(255, Float8.E8M0.Narrow(-1));
    }

    [Theory]
    [MemberData(nameof(Signed))]
    public void Float64_is_rounded_once(DType dtype)
    {
        double[] values = [.. HardDoubles.Of(Oracles[dtype])];
        byte[] codes = SmallModels.Encode(dtype, values);
        for (int i = 0; i < values.Length; i++)
        {
            Check(dtype, values[i], codes[i]);
        }
    }

    [Fact]
    public void Other_dtypes_are_no_8_bit_floats() =>
        Assert.All(DTypes.All.Where(d => !Oracles.ContainsKey(d) && d != DType.Float8E8M0), d => Assert.Null(Float8.For(d)));

    private static void Check(DType dtype, double value, byte code)
    {
        double expected = Oracles[dtype].Round(value), actual = Oracles[dtype].Decode(code);
        bool same = double.IsNaN(expected)
            ? double.IsNaN(actual)
            : expected.Equals(actual) && double.IsNegative(expected) == double.IsNegative(actual);
        if (!same)
        {
            Assert.Fail(FormattableString.Invariant($"{dtype}: {value:R} became {code:X2} ({actual:R}), expected {expected:R}"));
        }
    }

    [Fact]
    public void The_table_gives_the_result_of_the_search()
    {
        foreach (Float8 format in (Float8[])[Float8.E5M2, Float8.E4M3, Float8.E8M0, Float8.E4M3Fnuz, Float8.E5M2Fnuz])
        {
            for (uint upper = 0; upper < 1 << 16; upper++)
            {
                foreach (uint lower in (uint[])[0, 1, 2, 0x7FFF, 0x8000, 0x8001, 0xFFFF])
                {
                    float value = BitConverter.UInt32BitsToSingle((upper << 16) | lower);
                    Assert.True(format.NarrowBySearch(value) == format.Narrow(value),
                        value.ToString("R", System.Globalization.CultureInfo.InvariantCulture));
                }
            }
        }
    }
}
