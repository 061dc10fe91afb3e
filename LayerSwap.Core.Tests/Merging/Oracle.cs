namespace LayerSwap.Tests.Merging;

/// <summary>Compares with values computed in doubles: the distance is counted in units in the last place of the output's dtype.</summary>
internal static class Oracle
{
    /// <summary>Asserts that every element lies within one unit in the last place of the expected value.</summary>
    public static void WithinOneUlp(DType dtype, ReadOnlySpan<double> expected, ReadOnlySpan<double> actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            double e = expected[i], a = actual[i];
            bool fine = double.IsNaN(e) ? double.IsNaN(a) : e == a || Math.Abs(a - e) <= Ulp(dtype, Math.Max(Math.Abs(e), Math.Abs(a)));
            Assert.True(fine, $"{what}, element {i}: {a:R}, expected {e:R} in {dtype}");
        }
    }

    /// <summary>The distance between neighbours at a magnitude: 2^(exponent - mantissa bits), not below the smallest subnormal.</summary>
    private static double Ulp(DType dtype, double magnitude)
    {
        (int mantissa, int lowest) = dtype switch
        {
            DType.Float64 => (52, -1022),
            DType.Float32 => (23, -126),
            DType.Float16 => (10, -14),
            DType.BFloat16 => (7, -126),
            DType.Float8E4M3 => (3, -6),
            DType.Float8E5M2 => (2, -14),
            _ => throw new ArgumentOutOfRangeException(nameof(dtype)),
        };
        int exponent = magnitude == 0 || !double.IsFinite(magnitude) ? lowest : Math.Max(Math.ILogB(magnitude), lowest);
        return Math.ScaleB(1, exponent - mantissa);
    }
}
