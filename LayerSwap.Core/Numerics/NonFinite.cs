using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>Finds NaNs and infinities in undecoded elements, and makes NaNs canonical.</summary>
internal static class NonFinite
{
    /// <summary>
    /// Replaces every NaN by the positive quiet NaN without payload. Which of two NaNs an addition returns depends on the processor and the
    /// compiler, and may differ in the tail of a block.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void CanonicalizeNaNs<T>(Span<T> numbers)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        ref T first = ref MemoryMarshal.GetReference(numbers);
        T nan = T.Abs(T.NaN);
        int i = 0;
        for (; i <= numbers.Length - Vector512<T>.Count; i += Vector512<T>.Count)
        {
            Vector512<T> vector = Vector512.LoadUnsafe(ref first, (nuint)i);
            if (!Vector512.EqualsAll(vector, vector))
            {
                Vector512<T> unified = Vector512.ConditionalSelect(Vector512.Equals(vector, vector), vector, Vector512.Create(nan));
                unified.StoreUnsafe(ref first, (nuint)i);
            }
        }

        for (; i < numbers.Length; i++)
        {
            numbers[i] = T.IsNaN(numbers[i]) ? nan : numbers[i];
        }
    }

    /// <summary>Whether all elements are finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool AllFinite(ReadOnlySpan<BFloat16> elements)
    {
        ref ushort from = ref Unsafe.As<BFloat16, ushort>(ref MemoryMarshal.GetReference(elements));
        Vector512<ushort> exponent = Vector512.Create(SixteenBitFloats.BFloat16Exponent), largest = default;
        int i = 0;
        for (; i <= elements.Length - Vector512<ushort>.Count; i += Vector512<ushort>.Count)
        {
            largest = Vector512.Max(largest, Vector512.LoadUnsafe(ref from, (nuint)i) & exponent);
        }

        bool finite = !Vector512.EqualsAny(largest, exponent);
        for (; i < elements.Length; i++)
        {
            finite &= (elements[i].Bits & SixteenBitFloats.BFloat16Exponent) != SixteenBitFloats.BFloat16Exponent;
        }

        return finite;
    }

    /// <summary>Counts the NaNs and infinities; 0 for dtypes without arithmetic.</summary>
    public static long Count(DType dtype, ReadOnlySpan<byte> elements) => dtype switch
    {
        DType.BFloat16 => CountBits<ushort>(MemoryMarshal.Cast<byte, ushort>(elements), SixteenBitFloats.BFloat16Exponent),
        DType.Float16 => CountBits<ushort>(MemoryMarshal.Cast<byte, ushort>(elements), 0x7C00),
        DType.Float32 => CountBits(MemoryMarshal.Cast<byte, uint>(elements), 0x7F80_0000u),
        DType.Float64 => CountBits(MemoryMarshal.Cast<byte, ulong>(elements), 0x7FF0_0000_0000_0000ul),
        _ when Float8.For(dtype) is { } format => CountFloat8(format, elements),
        _ => 0,
    };

    /// <summary>Counts the elements whose exponent bits are all set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static long CountBits<T>(ReadOnlySpan<T> elements, T exponent)
        where T : unmanaged, System.Numerics.IBinaryInteger<T>
    {
        ref T from = ref MemoryMarshal.GetReference(elements);
        Vector512<T> ones = Vector512.Create(exponent);
        long count = 0;
        int i = 0;
        for (; i <= elements.Length - Vector512<T>.Count; i += Vector512<T>.Count)
        {
            Vector512<T> found = Vector512.Equals(Vector512.LoadUnsafe(ref from, (nuint)i) & ones, ones);
            if (found != Vector512<T>.Zero)
            {
                count += System.Numerics.BitOperations.PopCount(found.ExtractMostSignificantBits());
            }
        }

        for (; i < elements.Length; i++)
        {
            count += (elements[i] & exponent) == exponent ? 1 : 0;
        }

        return count;
    }

    private static long CountFloat8(Float8 format, ReadOnlySpan<byte> elements)
    {
        long count = 0;
        foreach (byte element in elements)
        {
            count += float.IsFinite(format.Widen(element)) ? 0 : 1;
        }

        return count;
    }
}
