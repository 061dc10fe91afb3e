using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>Counts the NaNs and infinities among undecoded elements.</summary>
internal static class NonFinite
{
    public static long Count(DType dtype, ReadOnlySpan<byte> elements) => dtype switch
    {
        DType.BFloat16 => Halves(MemoryMarshal.Cast<byte, ushort>(elements), 0x7F80),
        DType.Float16 => Halves(MemoryMarshal.Cast<byte, ushort>(elements), 0x7C00),
        DType.Float32 => Singles(MemoryMarshal.Cast<byte, uint>(elements)),
        DType.Float64 => Scalar(MemoryMarshal.Cast<byte, double>(elements)),
        _ when Float8.For(dtype) is { } format => Bytes(format, elements),
        _ => 0,
    };

    /// <summary>Those of 16 bits whose exponent is all ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static long Halves(ReadOnlySpan<ushort> elements, ushort exponent)
    {
        ref ushort from = ref MemoryMarshal.GetReference(elements);
        Vector512<ushort> ones = Vector512.Create(exponent);
        long count = 0;
        int i = 0;
        for (; i <= elements.Length - Vector512<ushort>.Count; i += Vector512<ushort>.Count)
        {
            Vector512<ushort> found = Vector512.Equals(Vector512.LoadUnsafe(ref from, (nuint)i) & ones, ones);
            if (found != Vector512<ushort>.Zero)
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static long Singles(ReadOnlySpan<uint> elements)
    {
        const uint exponent = 0x7F80_0000;
        ref uint from = ref MemoryMarshal.GetReference(elements);
        Vector512<uint> ones = Vector512.Create(exponent);
        long count = 0;
        int i = 0;
        for (; i <= elements.Length - Vector512<uint>.Count; i += Vector512<uint>.Count)
        {
            Vector512<uint> found = Vector512.Equals(Vector512.LoadUnsafe(ref from, (nuint)i) & ones, ones);
            if (found != Vector512<uint>.Zero)
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

    private static long Scalar(ReadOnlySpan<double> elements)
    {
        long count = 0;
        foreach (double element in elements)
        {
            count += double.IsFinite(element) ? 0 : 1;
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
