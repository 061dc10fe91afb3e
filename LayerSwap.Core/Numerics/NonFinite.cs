using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>Counts the NaNs and infinities among undecoded elements, and makes NaNs alike.</summary>
internal static class NonFinite
{
    /// <summary>
    /// Gives every NaN the same bits, positive, quiet and without a payload: which one of two NaNs comes of a sum is the processor's and the compiler's choice, and may be another for the last
    /// elements of a block.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unify<T>(Span<T> numbers)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        ref T at = ref MemoryMarshal.GetReference(numbers);
        T nan = T.Abs(T.NaN);
        int i = 0;
        for (; i <= numbers.Length - Vector512<T>.Count; i += Vector512<T>.Count)
        {
            Vector512<T> own = Vector512.LoadUnsafe(ref at, (nuint)i);
            if (!Vector512.EqualsAll(own, own))
            {
                Vector512.ConditionalSelect(Vector512.Equals(own, own), own, Vector512.Create(nan)).StoreUnsafe(ref at, (nuint)i);
            }
        }

        for (; i < numbers.Length; i++)
        {
            numbers[i] = T.IsNaN(numbers[i]) ? nan : numbers[i];
        }
    }

    /// <summary>Whether all are finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool HasNone(ReadOnlySpan<BFloat16> elements)
    {
        ref ushort from = ref Unsafe.As<BFloat16, ushort>(ref MemoryMarshal.GetReference(elements));
        Vector512<ushort> exponent = Vector512.Create(SixteenBitFloats.BFloat16Exponent), most = default;
        int i = 0;
        for (; i <= elements.Length - Vector512<ushort>.Count; i += Vector512<ushort>.Count)
        {
            most = Vector512.Max(most, Vector512.LoadUnsafe(ref from, (nuint)i) & exponent);
        }

        bool finite = !Vector512.EqualsAny(most, exponent);
        for (; i < elements.Length; i++)
        {
            finite &= (elements[i].Bits & SixteenBitFloats.BFloat16Exponent) != SixteenBitFloats.BFloat16Exponent;
        }

        return finite;
    }

    public static long Count(DType dtype, ReadOnlySpan<byte> elements) => dtype switch
    {
        DType.BFloat16 => Ones<ushort>(MemoryMarshal.Cast<byte, ushort>(elements), SixteenBitFloats.BFloat16Exponent),
        DType.Float16 => Ones<ushort>(MemoryMarshal.Cast<byte, ushort>(elements), 0x7C00),
        DType.Float32 => Ones(MemoryMarshal.Cast<byte, uint>(elements), 0x7F80_0000u),
        DType.Float64 => Ones(MemoryMarshal.Cast<byte, ulong>(elements), 0x7FF0_0000_0000_0000ul),
        _ when Float8.For(dtype) is { } format => Bytes(format, elements),
        _ => 0,
    };

    /// <summary>Those whose exponent is all ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static long Ones<T>(ReadOnlySpan<T> elements, T exponent)
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

    private static long Bytes(Float8 format, ReadOnlySpan<byte> elements)
    {
        long count = 0;
        foreach (byte element in elements)
        {
            count += float.IsFinite(format.Widen(element)) ? 0 : 1;
        }

        return count;
    }
}
