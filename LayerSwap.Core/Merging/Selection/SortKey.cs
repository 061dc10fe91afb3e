using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Merging;

/// <summary>
/// Sort keys: the bits of a non-negative float64, which are ordered as the numbers and below 2^63. Every NaN has one key, above all
/// numbers, because the bits of a computed NaN depend on the processor.
/// </summary>
internal static class SortKey
{
    /// <summary>The key of NaN.</summary>
    public const ulong NaN = 0x7FF8_0000_0000_0000;

    /// <summary>Computes the key of a number's magnitude.</summary>
    public static ulong Of(double number) => double.IsNaN(number) ? NaN : BitConverter.DoubleToUInt64Bits(number) & long.MaxValue;

    /// <summary>Computes eight keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Of(Vector512<double> numbers)
    {
        Vector512<double> number = Vector512.Equals(numbers, numbers);
        return Vector512.ConditionalSelect(number, Vector512.Abs(numbers), Vector512.Create(NaN).AsDouble()).AsUInt64();
    }

    /// <summary>Computes the bits of the largest float32 not above a key's number.</summary>
    public static int FloorToFloat32(ulong key)
    {
        double value = BitConverter.UInt64BitsToDouble(key);
        float nearest = (float)value;
        return double.IsNaN(value) ? int.MaxValue : BitConverter.SingleToInt32Bits(nearest > value ? float.BitDecrement(nearest) : nearest);
    }

    /// <summary>Whether a key's number is exact in float32.</summary>
    public static bool IsFloat32(ulong key) => (float)BitConverter.UInt64BitsToDouble(key) == BitConverter.UInt64BitsToDouble(key);
}
