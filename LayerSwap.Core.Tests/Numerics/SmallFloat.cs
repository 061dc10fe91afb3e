namespace LayerSwap.Tests.Numerics;

/// <summary>An 8-bit or 16-bit float by its definition, in float64, which holds all its values and midpoints exactly. NaN has no
/// payload.</summary>
/// <param name="exponentBits">Width of the exponent.</param>
/// <param name="mantissaBits">Width of the mantissa.</param>
/// <param name="bias">Exponent bias.</param>
/// <param name="max">The largest finite value.</param>
/// <param name="infinities">Whether numbers that are too large become infinity; otherwise NaN.</param>
/// <param name="negativeZero">Whether zero has a sign.</param>
internal sealed class SmallFloat(int exponentBits, int mantissaBits, int bias, double max, bool infinities, bool negativeZero = true)
{
    public static SmallFloat BFloat16 { get; } = new(8, 7, 127, Math.ScaleB(2 - Math.ScaleB(1, -7), 127), infinities: true);

    public static SmallFloat Float16 { get; } = new(5, 10, 15, 65504, infinities: true);

    /// <summary>OCP 8-bit floating point specification 1.0, table 1.</summary>
    public static SmallFloat E5M2 { get; } = new(5, 2, 15, 57344, infinities: true);

    public static SmallFloat E4M3 { get; } = new(4, 3, 7, 448, infinities: false);

    /// <summary>Noune et al., "8-bit numerical formats for deep neural networks", 2022: the bias is one higher, 0x80 is the only
    /// NaN.</summary>
    public static SmallFloat E4M3Fnuz { get; } = new(4, 3, 8, 240, infinities: false, negativeZero: false);

    public static SmallFloat E5M2Fnuz { get; } = new(5, 2, 16, 57344, infinities: false, negativeZero: false);

    private int Width => 1 + exponentBits + mantissaBits;

    public double Decode(int code)
    {
        int sign = code >> (Width - 1), exponent = (code >> mantissaBits) & ((1 << exponentBits) - 1),
            mantissa = code & ((1 << mantissaBits) - 1);
        bool top = exponent == (1 << exponentBits) - 1;
        double magnitude = Math.ScaleB(exponent == 0 ? mantissa : mantissa + (1 << mantissaBits),
            Math.Max(exponent, 1) - bias - mantissaBits);
        if ((!negativeZero && sign == 1 && exponent == 0 && mantissa == 0)
            || (negativeZero && magnitude > max && !(infinities && top && mantissa == 0)))
        {
            return double.NaN;
        }

        return (sign == 1 ? -1 : 1) * (magnitude > max ? double.PositiveInfinity : magnitude);
    }

    /// <summary>Rounds a number to nearest, ties to even, in units of the last place.</summary>
    public double Round(double value)
    {
        if (double.IsNaN(value) || value == 0)
        {
            return double.IsNaN(value) || negativeZero ? value : 0;
        }

        double unit = double.IsInfinity(value) ? 1 : Math.ScaleB(1, Math.Max(Math.ILogB(value), 1 - bias) - mantissaBits);
        double rounded = Math.Round(value / unit, MidpointRounding.ToEven) * unit;
        return Math.Abs(rounded) > max ? (infinities ? Math.CopySign(double.PositiveInfinity, value) : double.NaN)
            : rounded == 0 && !negativeZero ? 0
            : rounded == 0 ? Math.CopySign(0, value)
            : rounded;
    }

    /// <summary>Lists all finite values from zero up, and the one that would follow.</summary>
    public double[] Magnitudes()
    {
        double[] finite = [.. Enumerable.Range(0, 1 << (Width - 1)).Select(Decode).Where(double.IsFinite)];
        return [.. finite, finite[^1] + (finite[^1] - finite[^2])];
    }
}
