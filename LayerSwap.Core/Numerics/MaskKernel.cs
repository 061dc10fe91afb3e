using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>Which elements are kept, without a branch for an element, and how much they are.</summary>
internal static class MaskKernel
{
    /// <summary>Sets the bits of elements for which the key of <c>tuned[i] - origin[i]</c> lies from <paramref name="low"/> to <paramref name="high"/>, which is no less, and of no others; what lies after the elements does not count.</summary>
    public static void Between<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, ulong low, ulong high, Span<ulong> bits)
        where T : unmanaged
    {
        // Where a bound is no number, the first key or the count passes the largest integer and goes on from the least, beyond which no key lies.
        int first = unchecked(KeyKernel.Floor(low) + (KeyKernel.Exact(low) < 0 ? 1 : 0)), count = unchecked(KeyKernel.Floor(high) - first + 1);
        int done = Vectors(origin, tuned, low, high - low, first, count, MemoryMarshal.Cast<ulong, uint>(bits));
        Span<byte> bytes = MemoryMarshal.AsBytes(bits);
        for (int i = done; i < tuned.Length; i += 8)
        {
            bytes[i / 8] = (byte)Between(origin, tuned, i, Math.Min(8, tuned.Length - i), low, high);
        }
    }

    private static uint Between<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, int first, int count, ulong low, ulong high)
        where T : unmanaged
    {
        uint bits = 0;
        for (int i = 0; i < count; i++)
        {
            bits |= (KeyKernel.KeyOf(Wide.One(origin[first + i]), Wide.One(tuned[first + i])) - low <= high - low ? 1U : 0) << i;
        }

        return bits;
    }

    /// <summary>Thirty-two at a time, by singles where their differences are exact, as most are, and else by doubles. By itself, since beside a call nothing stays in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static int Vectors<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, ulong low, ulong width, int first, int count, Span<uint> bits)
        where T : unmanaged
    {
        const int Together = 32;
        ref T from = ref MemoryMarshal.GetReference(origin);
        ref T to = ref MemoryMarshal.GetReference(tuned);
        Vector512<int> unsigned = Vector512.Create(int.MaxValue), firsts = Vector512.Create(first);
        Vector512<uint> counts = Vector512.Create((uint)count);
        Vector512<ulong> lows = Vector512.Create(low), widths = Vector512.Create(width);
        int i = 0;
        for (; i <= tuned.Length - Together; i += Together)
        {
            if (typeof(T) != typeof(double))
            {
                (Vector512<float> x, Vector512<float> y) = Wide.ThirtyTwo(ref from, i);
                (Vector512<float> a, Vector512<float> b) = Wide.ThirtyTwo(ref to, i);
                Vector512<float> lower = a - x, upper = b - y;
                if (((KeyKernel.Left(x, a, lower) | KeyKernel.Left(y, b, upper)) & unsigned) == Vector512<int>.Zero)
                {
                    bits[i / Together] = (uint)Bits.Joined<T>(
                        Vector512.LessThan(((lower.AsInt32() & unsigned) - firsts).AsUInt32(), counts).ExtractMostSignificantBits(),
                        Vector512.LessThan(((upper.AsInt32() & unsigned) - firsts).AsUInt32(), counts).ExtractMostSignificantBits(), Vector512<float>.Count);
                    continue;
                }
            }

            ulong own = 0;
            for (int part = 0; part < Together; part += Vector512<double>.Count)
            {
                Vector512<ulong> key = KeyKernel.KeysOf(Wide.Eight(ref Unsafe.Add(ref to, i + part)) - Wide.Eight(ref Unsafe.Add(ref from, i + part))).AsUInt64();
                own |= Vector512.LessThanOrEqual(key - lows, widths).ExtractMostSignificantBits() << part;
            }

            bits[i / Together] = (uint)own;
        }

        return i;
    }

    /// <summary>The sum of magnitudes of all changes, and of those whose bit is set.</summary>
    public static (double All, double Kept) Masses<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, ReadOnlySpan<ulong> bits)
        where T : unmanaged
    {
        (int done, double all, double kept) = Vectors(origin, tuned, bits);
        for (int i = done; i < tuned.Length; i++)
        {
            double change = Math.Abs(Wide.One(tuned[i]) - Wide.One(origin[i]));
            all += change;
            kept += Bits.IsSet(bits, i) ? change : 0;
        }

        return (all, kept);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (int Done, double All, double Kept) Vectors<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, ReadOnlySpan<ulong> bits)
        where T : unmanaged
    {
        ref T from = ref MemoryMarshal.GetReference(origin);
        ref T to = ref MemoryMarshal.GetReference(tuned);
        ref ulong word = ref MemoryMarshal.GetReference(bits);
        Vector512<double> all = default, other = default, kept = default, rest = default;
        int i = 0;
        for (; i <= tuned.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            (Vector512<double> x, Vector512<double> y) = Wide.Sixteen(ref from, i);
            (Vector512<double> p, Vector512<double> q) = Wide.Sixteen(ref to, i);
            (p, q) = (Vector512.Abs(p - x), Vector512.Abs(q - y));
            (all, other) = (all + p, other + q);
            (Vector512<ulong> ofP, Vector512<ulong> ofQ) = Bits.SixteenWide<T>(ref word, i);
            kept = Vector512.ConditionalSelect((~Vector512.Equals(ofP, default)).AsDouble(), kept + p, kept);
            rest = Vector512.ConditionalSelect((~Vector512.Equals(ofQ, default)).AsDouble(), rest + q, rest);
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
            kept = Vector512.ConditionalSelect((~Vector512.Equals(Bits.Eight(ref word, i), default)).AsDouble(), kept + p, kept);
            rest = Vector512.ConditionalSelect((~Vector512.Equals(Bits.Eight(ref word, next), default)).AsDouble(), rest + q, rest);
        }

        return (Vector512.Sum(all + other), Vector512.Sum(kept + rest));
    }
}
