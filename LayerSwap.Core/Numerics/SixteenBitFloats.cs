namespace LayerSwap.Numerics;

/// <summary>The scalar definitions of the 16-bit conversions: what the vector paths must equal, bit for bit.</summary>
internal static class SixteenBitFloats
{
    /// <summary>The bits of the exponent: all of them are set in what is not finite.</summary>
    public const ushort BFloat16Exponent = 0x7F80;

    public static float FromBFloat16(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>The quiet NaN without sign or payload.</summary>
    public const ushort BFloat16NaN = 0x7FC0;

    /// <summary>Rounds to nearest, ties to even; every NaN becomes the same one, as in PyTorch.</summary>
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
    /// Rounds a double to a float "to odd": an inexact result gets its last bit set. A second rounding to 16 or 8 bits then gives
    /// what a single rounding from the double would (Boldo and Melquiond, "When double rounding is odd", 2005).
    /// </summary>
    public static float ToOdd(double value)
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
