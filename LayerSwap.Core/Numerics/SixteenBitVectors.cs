using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>
/// Vector conversions between 16-bit floats and float32. On machines without 512-bit vectors the runtime splits them in halves, so results
/// do not depend on the machine.
/// </summary>
internal static class SixteenBitVectors
{
    /// <returns>True if all elements are finite.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool FromBFloat16(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        int i = 0;
        Vector512<ushort> exponent = Vector512.Create(SixteenBitFloats.BFloat16Exponent), largest = default;
        ref ushort from = ref MemoryMarshal.GetReference(source);
        ref uint to = ref MemoryMarshal.GetReference(MemoryMarshal.Cast<float, uint>(destination[..source.Length]));
        for (; i <= source.Length - Vector512<ushort>.Count; i += Vector512<ushort>.Count)
        {
            Vector512<ushort> bits = Vector512.LoadUnsafe(ref from, (nuint)i);
            largest = Vector512.Max(largest, bits & exponent);
            (Vector512<uint> lower, Vector512<uint> upper) = Vector512.Widen(bits);
            (lower << 16).StoreUnsafe(ref to, (nuint)i);
            (upper << 16).StoreUnsafe(ref to, (nuint)(i + Vector512<uint>.Count));
        }

        bool finite = !Vector512.EqualsAny(largest, exponent);
        for (; i < source.Length; i++)
        {
            destination[i] = SixteenBitFloats.FromBFloat16(source[i]);
            finite &= (source[i] & SixteenBitFloats.BFloat16Exponent) != SixteenBitFloats.BFloat16Exponent;
        }

        return finite;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToBFloat16(ReadOnlySpan<float> source, Span<ushort> destination)
    {
        int i = 0;
        ref float from = ref MemoryMarshal.GetReference(source);
        ref ushort to = ref MemoryMarshal.GetReference(destination[..source.Length]);
        for (; i <= source.Length - Vector512<ushort>.Count; i += Vector512<ushort>.Count)
        {
            Vector512<uint> lower = Round(Vector512.LoadUnsafe(ref from, (nuint)i)) >>> 16;
            Vector512<uint> upper = Round(Vector512.LoadUnsafe(ref from, (nuint)(i + Vector512<float>.Count))) >>> 16;
            Vector512.Narrow(lower, upper).StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < source.Length; i++)
        {
            destination[i] = SixteenBitFloats.ToBFloat16(source[i]);
        }
    }

    public static void FromFloat16(ReadOnlySpan<ushort> source, Span<float> destination) =>
        TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<ushort, Half>(source), destination);

    public static void ToFloat16(ReadOnlySpan<float> source, Span<ushort> destination) =>
        TensorPrimitives.ConvertToHalf(source, MemoryMarshal.Cast<ushort, Half>(destination));

    /// <summary>Rounds to the nearest BF16, ties to even; its bits are in the upper half of each lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Round(Vector512<float> value)
    {
        Vector512<uint> bits = value.AsUInt32();
        Vector512<uint> rounded = bits + Vector512.Create(0x7FFFu) + (bits >>> 16 & Vector512<uint>.One);
        Vector512<uint> isNumber = Vector512.Equals(value, value).AsUInt32();
        return Vector512.ConditionalSelect(isNumber, rounded, Vector512.Create((uint)SixteenBitFloats.BFloat16NaN << 16));
    }
}
