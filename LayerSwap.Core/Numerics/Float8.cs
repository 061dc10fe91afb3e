namespace LayerSwap.Numerics;

/// <summary>
/// An 8-bit float format, as a table of its 256 values: the OCP FP8 formats, the FNUZ formats of Graphcore and AMD, and the OCP MX scale
/// E8M0. Narrowing rounds to nearest, ties to the even code. Overflow becomes infinity if the format has one, else NaN, as in PyTorch.
/// </summary>
internal sealed class Float8
{
    private readonly float[] _values = new float[256];
    private readonly float[] _magnitudes;
    private readonly bool _signed;
    private readonly bool _negativeZero;
    private readonly byte _overflow;
    private readonly byte _nan;

    /// <summary>The magnitude that would follow the largest finite one.</summary>
    private readonly double _next;

    /// <summary>
    /// Codes indexed by the upper 16 bits of a float32, whose lowest bit is also set if any cut bit is (sticky). No format has more than 3
    /// of the 7 mantissa bits, so rounding is unaffected.
    /// </summary>
    private readonly byte[] _codes = new byte[1 << 16];

    /// <param name="exponentBits">Width of the exponent field.</param>
    /// <param name="bias">Exponent bias.</param>
    /// <param name="finite">The number of finite non-negative codes, from 0.</param>
    /// <param name="signed">Whether bit 7 is a sign.</param>
    /// <param name="negativeZero">Whether 0x80 is negative zero; otherwise it is NaN.</param>
    /// <param name="overflow">The code for overflow.</param>
    /// <param name="nan">The code for NaN.</param>
    private Float8(int exponentBits, int bias, int finite, bool signed, bool negativeZero, byte overflow, byte nan)
    {
        (_signed, _negativeZero, _overflow, _nan) = (signed, negativeZero, overflow, nan);
        int mantissaBits = (signed ? 7 : 8) - exponentBits;
        _magnitudes = [.. Enumerable.Range(0, finite).Select(code => (float)Magnitude(code, mantissaBits, bias))];
        _next = Magnitude(finite, mantissaBits, bias);
        Array.Fill(_values, float.NaN);
        for (int code = 0; code < finite; code++)
        {
            _values[code] = _magnitudes[code];
            if (signed && (code > 0 || negativeZero))
            {
                _values[code | 0x80] = -_magnitudes[code];
            }
        }

        if (overflow != nan)
        {
            _values[overflow] = float.PositiveInfinity;
            _values[overflow | 0x80] = float.NegativeInfinity;
        }

        for (int upper = 0; upper < _codes.Length; upper++)
        {
            _codes[upper] = NarrowBySearch(BitConverter.UInt32BitsToSingle((uint)upper << 16));
        }
    }

    public static Float8 E5M2 { get; } = new(5, 15, 0x7C, signed: true, negativeZero: true, overflow: 0x7C, nan: 0x7F);

    public static Float8 E4M3 { get; } = new(4, 7, 0x7F, signed: true, negativeZero: true, overflow: 0x7F, nan: 0x7F);

    public static Float8 E8M0 { get; } = new(8, 127, 0xFF, signed: false, negativeZero: false, overflow: 0xFF, nan: 0xFF);

    public static Float8 E4M3Fnuz { get; } = new(4, 8, 0x80, signed: true, negativeZero: false, overflow: 0x80, nan: 0x80);

    public static Float8 E5M2Fnuz { get; } = new(5, 16, 0x80, signed: true, negativeZero: false, overflow: 0x80, nan: 0x80);

    public static Float8? For(DType dtype) => dtype switch
    {
        DType.Float8E5M2 => E5M2,
        DType.Float8E4M3 => E4M3,
        DType.Float8E8M0 => E8M0,
        DType.Float8E4M3Fnuz => E4M3Fnuz,
        DType.Float8E5M2Fnuz => E5M2Fnuz,
        _ => null,
    };

    public float Widen(byte code) => _values[code];

    public byte Narrow(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return _codes[(bits >> 16) | ((bits & 0xFFFF) + 0xFFFF) >> 16];
    }

    public void Narrow(ReadOnlySpan<float> source, Span<byte> destination)
    {
        for (int i = 0; i < source.Length; i++)
        {
            destination[i] = Narrow(source[i]);
        }
    }

    /// <summary>Narrows by binary search: to the nearest value, ties to the even code. The code table equals it.</summary>
    internal byte NarrowBySearch(float value)
    {
        byte sign = _signed && float.IsNegative(value) ? (byte)0x80 : (byte)0;
        if (float.IsNaN(value) || (!_signed && value < 0))
        {
            return (byte)(_nan | (_negativeZero ? sign : 0));
        }

        float magnitude = Math.Abs(value);
        int index = Array.BinarySearch(_magnitudes, magnitude);
        int code = index >= 0 ? index : RoundToNearest(magnitude, ~index);
        return code == _magnitudes.Length ? (byte)(_overflow | (_negativeZero ? sign : 0))
            : code == 0 && !_negativeZero ? (byte)0
            : (byte)(code | sign);
    }

    private int RoundToNearest(float magnitude, int above)
    {
        if (above == 0)
        {
            return 0;
        }

        double higher = above == _magnitudes.Length ? _next : _magnitudes[above];
        double middle = (_magnitudes[above - 1] + higher) / 2;
        return magnitude > middle || (magnitude == middle && above % 2 == 0) ? above : above - 1;
    }

    private static double Magnitude(int code, int mantissaBits, int bias)
    {
        int exponent = code >> mantissaBits;
        int mantissa = code & ((1 << mantissaBits) - 1);
        // E8M0 has no mantissa and no subnormals: code 0 is 2^-127.
        return exponent == 0 && mantissaBits > 0
            ? mantissa * Math.Pow(2, 1 - bias - mantissaBits)
            : (1 + (mantissa / (double)(1 << mantissaBits))) * Math.Pow(2, exponent - bias);
    }
}
