namespace LayerSwap.Numerics;

/// <summary>The scalar 16-bit conversions. The vector conversions must give the same bits.</summary>
internal static class SixteenBitFloats
{
    /// <summary>The exponent bits. All of them are set in a non-finite number.</summary>
    public const ushort BFloat16Exponent = 0x7F80;

    public static float FromBFloat16(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>The positive quiet NaN without payload.</summary>
    public const ushort BFloat16NaN = 0x7FC0;

    /// <summary>Rounds to nearest, ties to even. Every NaN becomes the canonical NaN, as in PyTorch.</summary>
    public static ushort ToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value)
            ? BFloat16NaN
            : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    public static float FromFloat16(ushort bits) => (float)BitConverter.UInt16BitsToHalf(bits);

    public static ushort ToFloat16(float value) => BitConverter.HalfToUInt16Bits((Half)value);

    /// <summary>
    /// Rounds float64 to float32 "to odd": an inexact result has its last bit set. Rounding the result to 16 or 8 bits then equals a
    /// single rounding of the float64 (Boldo and Melquiond, "When double rounding is odd", 2005).
    /// </summary>
    public static float RoundToOdd(double value)
    {
        float nearest = (float)value;
        if (nearest == value || double.IsNaN(value))
        {
            return nearest;
        }

        uint bits = BitConverter.SingleToUInt32Bits(nearest);
        uint towardZero = Math.Abs((double)nearest) > Math.Abs(value) ? bits - 1 : bits;
        return BitConverter.UInt32BitsToSingle(towardZero | 1);
    }
}
