using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Computes masks of deltas by their sort keys, and the L1 norms of masked deltas.</summary>
internal static class MaskKernel
{
    /// <summary>
    /// Sets the bits of elements whose delta has a key from <paramref name="low"/> to <paramref name="high"/>, and clears the others; bits
    /// after the elements are undefined.
    /// </summary>
    public static void MaskBetween<T>(ReadOnlySpan<T> @base, ReadOnlySpan<T> source, ulong low, ulong high, Span<ulong> mask)
        where T : unmanaged
    {
        Span<byte> bytes = MemoryMarshal.AsBytes(mask);
        for (int i = Vectors(@base, source, low, high, MemoryMarshal.Cast<ulong, uint>(mask)); i < source.Length; i += 8)
        {
            uint bits = 0;
            for (int k = 0; k < Math.Min(8, source.Length - i); k++)
            {
                ulong key = SortKey.Of(VectorWidening.Load1(source[i + k]) - VectorWidening.Load1(@base[i + k]));
                bits |= (key >= low && key <= high ? 1U : 0) << k;
            }

            bytes[i / 8] = (byte)bits;
        }
    }

    /// <summary>
    /// Sets the bits of keys from <paramref name="low"/> on, and clears the others; bits after the elements are undefined.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void MaskAtLeast(ReadOnlySpan<ulong> keys, ulong low, Span<ulong> mask)
    {
        ref ulong key = ref MemoryMarshal.GetReference(keys);
        Span<byte> bytes = MemoryMarshal.AsBytes(mask);
        Vector512<long> lows = Vector512.Create((long)low);
        int i = 0;
        for (; i <= keys.Length - Vector512<long>.Count; i += Vector512<long>.Count)
        {
            Vector512<long> below = Vector512.GreaterThan(lows, Vector512.LoadUnsafe(ref key, (nuint)i).AsInt64());
            bytes[i / 8] = (byte)~below.ExtractMostSignificantBits();
        }

        if (i < keys.Length)
        {
            uint bits = 0;
            for (int k = i; k < keys.Length; k++)
            {
                bits |= (keys[k] >= low ? 1U : 0) << (k - i);
            }

            bytes[i / 8] = (byte)bits;
        }
    }

    /// <summary>Computes 32 bits at a time, in float32 if all deltas are exact there, otherwise in float64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Vectors<T>(ReadOnlySpan<T> @base, ReadOnlySpan<T> source, ulong low, ulong high, Span<uint> mask)
        where T : unmanaged
    {
        const int Step = 32;
        ref T from = ref MemoryMarshal.GetReference(@base), to = ref MemoryMarshal.GetReference(source);
        // The float32 keys just below the range, and the last in it.
        int floor = SortKey.FloorToFloat32(low), before = SortKey.IsFloat32(low) ? floor - 1 : floor, last = SortKey.FloorToFloat32(high);
        Vector512<int> unsigned = Vector512.Create(int.MaxValue), befores = Vector512.Create(before), lasts = Vector512.Create(last);
        Vector512<long> lows = Vector512.Create((long)low), highs = Vector512.Create((long)Math.Min(high, long.MaxValue));
        int i = 0;
        for (; i <= source.Length - Step; i += Step)
        {
            if (typeof(T) != typeof(double))
            {
                (Vector512<float> x, Vector512<float> y) = VectorWidening.Load32AsFloat32(ref from, i);
                (Vector512<float> a, Vector512<float> b) = VectorWidening.Load32AsFloat32(ref to, i);
                Vector512<float> lower = a - x, upper = b - y;
                if (((KeyKernel.RoundingError(x, a, lower) | KeyKernel.RoundingError(y, b, upper)) & unsigned) == Vector512<int>.Zero)
                {
                    Vector512<int> p = lower.AsInt32() & unsigned, q = upper.AsInt32() & unsigned;
                    mask[i / Step] = (uint)BitMask.Join<T>(
                        Vector512.AndNot(Vector512.GreaterThan(p, befores), Vector512.GreaterThan(p, lasts)).ExtractMostSignificantBits(),
                        Vector512.AndNot(Vector512.GreaterThan(q, befores), Vector512.GreaterThan(q, lasts)).ExtractMostSignificantBits(),
                        Vector512<float>.Count);
                    continue;
                }
            }

            ulong bits = 0;
            for (int part = 0; part < Step; part += Vector512<double>.Count)
            {
                Vector512<double> x = VectorWidening.Load8(ref Unsafe.Add(ref from, i + part));
                Vector512<long> key = SortKey.Of(VectorWidening.Load8(ref Unsafe.Add(ref to, i + part)) - x).AsInt64();
                bits |= (~(Vector512.GreaterThan(lows, key) | Vector512.GreaterThan(key, highs))).ExtractMostSignificantBits() << part;
            }

            mask[i / Step] = (uint)bits;
        }

        return i;
    }

    /// <summary>Computes the sums of the magnitudes of all deltas and of the masked-in deltas.</summary>
    public static (double All, double Kept) ComputeL1Norms<T>(ReadOnlySpan<T> @base, ReadOnlySpan<T> source, ReadOnlySpan<ulong> mask)
        where T : unmanaged
    {
        (int done, double all, double kept) = L1NormVectors(@base, source, mask);
        for (int i = done; i < source.Length; i++)
        {
            double magnitude = Math.Abs(VectorWidening.Load1(source[i]) - VectorWidening.Load1(@base[i]));
            all += magnitude;
            kept += BitMask.IsSet(mask, i) ? magnitude : 0;
        }

        return (all, kept);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (int Done, double All, double Kept) L1NormVectors<T>(
        ReadOnlySpan<T> @base, ReadOnlySpan<T> source, ReadOnlySpan<ulong> mask)
        where T : unmanaged
    {
        ref T from = ref MemoryMarshal.GetReference(@base), to = ref MemoryMarshal.GetReference(source);
        ref ulong word = ref MemoryMarshal.GetReference(mask);
        Vector512<double> allLower = default, allUpper = default, keptLower = default, keptUpper = default;
        int i = 0;
        for (; i <= source.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            (Vector512<double> x, Vector512<double> y) = VectorWidening.Load16(ref from, i);
            (Vector512<double> p, Vector512<double> q) = VectorWidening.Load16(ref to, i);
            (p, q) = (Vector512.Abs(p - x), Vector512.Abs(q - y));
            (allLower, allUpper) = (allLower + p, allUpper + q);
            (Vector512<ulong> maskP, Vector512<ulong> maskQ) = BitMask.Lanes16<T>(ref word, i);
            keptLower += Vector512.AndNot(p, Vector512.Equals(maskP, default).AsDouble());
            keptUpper += Vector512.AndNot(q, Vector512.Equals(maskQ, default).AsDouble());
        }

        return (i, Vector512.Sum(allLower + allUpper), Vector512.Sum(keptLower + keptUpper));
    }
}
