using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>Which elements are kept, without a branch for an element, and how much they are.</summary>
internal static class MaskKernel
{
    /// <summary>Sets the bits of elements for which the key of <c>tuned[i] - origin[i]</c> lies from <paramref name="low"/> to <paramref name="high"/>, and of no others.</summary>
    public static void Between<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, ulong low, ulong high, Span<ulong> bits)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        int done = typeof(T) == typeof(float) ? Between(MemoryMarshal.Cast<T, float>(origin), MemoryMarshal.Cast<T, float>(tuned), low, high, bits) : 0;
        for (int i = done; i < tuned.Length; i += 64)
        {
            bits[i / 64] = Between(origin, tuned, i, Math.Min(64, tuned.Length - i), low, high);
        }
    }

    private static ulong Between<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, int first, int count, ulong low, ulong high)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        ulong bits = 0;
        for (int i = 0; i < count; i++)
        {
            bits |= (KeyKernel.KeyOf(double.CreateTruncating(origin[first + i]), double.CreateTruncating(tuned[first + i])) - low <= high - low ? 1UL : 0) << i;
        }

        return bits;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Between(ReadOnlySpan<float> origin, ReadOnlySpan<float> tuned, ulong low, ulong high, Span<ulong> bits)
    {
        ref float from = ref MemoryMarshal.GetReference(origin);
        ref float to = ref MemoryMarshal.GetReference(tuned);
        Vector512<int> unsigned = Vector512.Create(int.MaxValue), before = Vector512.Create(KeyKernel.Floor(low) - (KeyKernel.Exact(low) < 0 ? 0 : 1)), highs = Vector512.Create(KeyKernel.Floor(high));
        int end = tuned.Length & ~63;
        for (int i = 0; i < end; i += 64)
        {
            ulong word = 0;
            for (int k = 0; k < 64; k += Vector512<float>.Count)
            {
                Vector512<float> x = Vector512.LoadUnsafe(ref from, (nuint)(i + k)), y = Vector512.LoadUnsafe(ref to, (nuint)(i + k)), change = y - x;
                Vector512<int> key = change.AsInt32() & unsigned;
                // Where differences of singles are exact, as most are, singles decide.
                ulong within = (KeyKernel.Left(x, y, change) & unsigned) == Vector512<int>.Zero
                    ? (Vector512.GreaterThan(key, before) & Vector512.LessThanOrEqual(key, highs)).ExtractMostSignificantBits()
                    : Between(origin, tuned, i + k, Vector512<float>.Count, low, high);
                word |= within << k;
            }

            bits[i / 64] = word;
        }

        return end;
    }

    /// <summary>Keeps in every row the elements whose key ranks within a cut.</summary>
    /// <param name="keys">The keys, as many as a row is long; a sign is not looked at.</param>
    /// <param name="start">The index of the first element.</param>
    /// <param name="cutKey">The cut's key.</param>
    /// <param name="cutIndex">The last index that the key is within at.</param>
    /// <param name="rows">Rows one after another, mended in place.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Within(ReadOnlySpan<ulong> keys, long start, ulong cutKey, long cutIndex, Span<double> rows)
    {
        ref ulong key = ref MemoryMarshal.GetReference(keys);
        ref double at = ref MemoryMarshal.GetReference(rows);
        Vector512<long> indices = Vector512.Create(start) + Vector512<long>.Indices, unsigned = Vector512.Create(long.MaxValue);
        int i = 0;
        for (; i <= keys.Length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            Vector512<double> kept = Within(Vector512.LoadUnsafe(ref key, (nuint)i).AsInt64() & unsigned, indices + Vector512.Create((long)i), cutKey, cutIndex).AsDouble();
            for (int row = i; row < rows.Length; row += keys.Length)
            {
                (Vector512.LoadUnsafe(ref at, (nuint)row) & kept).StoreUnsafe(ref at, (nuint)row);
            }
        }

        for (; i < keys.Length; i++)
        {
            ulong magnitude = keys[i] & long.MaxValue;
            bool kept = magnitude > cutKey || (magnitude == cutKey && start + i <= cutIndex);
            for (int row = i; row < rows.Length; row += keys.Length)
            {
                rows[row] = kept ? rows[row] : 0;
            }
        }
    }

    /// <summary>The sum of magnitudes of all changes, and of those whose bit is set.</summary>
    public static (double All, double Kept) Masses<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, ReadOnlySpan<ulong> bits)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        int done = 0;
        double all = 0, kept = 0;
        if (typeof(T) == typeof(float))
        {
            (done, all, kept) = Masses(MemoryMarshal.Cast<T, float>(origin), MemoryMarshal.Cast<T, float>(tuned), bits);
        }

        for (int i = done; i < tuned.Length; i++)
        {
            double change = Math.Abs(double.CreateTruncating(tuned[i]) - double.CreateTruncating(origin[i]));
            all += change;
            kept += Bits.IsSet(bits, i) ? change : 0;
        }

        return (all, kept);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (int Done, double All, double Kept) Masses(ReadOnlySpan<float> origin, ReadOnlySpan<float> tuned, ReadOnlySpan<ulong> bits)
    {
        ref float from = ref MemoryMarshal.GetReference(origin);
        ref float to = ref MemoryMarshal.GetReference(tuned);
        ref ulong word = ref MemoryMarshal.GetReference(bits);
        Vector512<double> all = default, other = default, kept = default, rest = default;
        int i = 0;
        for (; i <= tuned.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            int next = i + Vector512<double>.Count;
            Vector512<double> p = Vector512.Abs(Wide.Eight(ref Unsafe.Add(ref to, i)) - Wide.Eight(ref Unsafe.Add(ref from, i)));
            Vector512<double> q = Vector512.Abs(Wide.Eight(ref Unsafe.Add(ref to, next)) - Wide.Eight(ref Unsafe.Add(ref from, next)));
            (all, other) = (all + p, other + q);
            kept += Vector512.ConditionalSelect(Vector512.Equals(Bits.Eight(ref word, i), default).AsDouble(), default, p);
            rest += Vector512.ConditionalSelect(Vector512.Equals(Bits.Eight(ref word, next), default).AsDouble(), default, q);
        }

        return (i, Vector512.Sum(all + other), Vector512.Sum(kept + rest));
    }

    /// <summary>The sum of magnitudes, and of those whose bit is set.</summary>
    /// <param name="magnitudes">Whole vectors.</param>
    /// <param name="bits">A bit for each, the first in the lowest.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (double All, double Kept) Masses(ReadOnlySpan<float> magnitudes, ReadOnlySpan<ulong> bits)
    {
        ref float from = ref MemoryMarshal.GetReference(magnitudes);
        ref ulong word = ref MemoryMarshal.GetReference(bits);
        Vector512<double> all = default, other = default, kept = default, rest = default;
        for (int i = 0; i < magnitudes.Length; i += Vector512<float>.Count)
        {
            int next = i + Vector512<double>.Count;
            Vector512<double> p = Wide.Eight(ref Unsafe.Add(ref from, i)), q = Wide.Eight(ref Unsafe.Add(ref from, next));
            (all, other) = (all + p, other + q);
            kept += Vector512.ConditionalSelect(Vector512.Equals(Bits.Eight(ref word, i), default).AsDouble(), default, p);
            rest += Vector512.ConditionalSelect(Vector512.Equals(Bits.Eight(ref word, next), default).AsDouble(), default, q);
        }

        return (Vector512.Sum(all + other), Vector512.Sum(kept + rest));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<long> Within(Vector512<long> key, Vector512<long> index, ulong cutKey, long cutIndex)
    {
        // Keys are below 2^63; a cut above that takes in nothing.
        Vector512<long> cut = Vector512.Create((long)Math.Min(cutKey, long.MaxValue));
        return Vector512.GreaterThan(key, cut) | (Vector512.Equals(key, cut) & Vector512.LessThanOrEqual(index, Vector512.Create(cutIndex)));
    }
}
