using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>Sets what is not kept to zero, without a branch for an element.</summary>
internal static class MaskKernel
{
    private const ulong Step = 0x9E3779B97F4A7C15;

    /// <summary><c>changes[i] = tuned[i] - origin[i]</c> where its key lies from <paramref name="low"/> to <paramref name="high"/>, 0 elsewhere.</summary>
    public static void Between<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, ulong low, ulong high, Span<double> changes)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        int done = typeof(T) == typeof(float) ? Between(MemoryMarshal.Cast<T, float>(origin), MemoryMarshal.Cast<T, float>(tuned), low, high, changes) : 0;
        for (int i = done; i < changes.Length; i++)
        {
            double change = double.CreateTruncating(tuned[i]) - double.CreateTruncating(origin[i]);
            changes[i] = BitConverter.DoubleToUInt64Bits(Math.Abs(change)) - low <= high - low ? change : 0;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Between(ReadOnlySpan<float> origin, ReadOnlySpan<float> tuned, ulong low, ulong high, Span<double> changes)
    {
        ref float from = ref MemoryMarshal.GetReference(origin);
        ref float to = ref MemoryMarshal.GetReference(tuned);
        ref double change = ref MemoryMarshal.GetReference(changes);
        Vector512<ulong> lows = Vector512.Create(low), span = Vector512.Create(high - low);
        int i = 0;
        for (; i <= changes.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            (Vector512<double> x, Vector512<double> y) = Vector512.Widen(Vector512.LoadUnsafe(ref from, (nuint)i));
            (Vector512<double> p, Vector512<double> q) = Vector512.Widen(Vector512.LoadUnsafe(ref to, (nuint)i));
            (p, q) = (p - x, q - y);
            (p & Vector512.LessThanOrEqual(Vector512.Abs(p).AsUInt64() - lows, span).AsDouble()).StoreUnsafe(ref change, (nuint)i);
            (q & Vector512.LessThanOrEqual(Vector512.Abs(q).AsUInt64() - lows, span).AsDouble()).StoreUnsafe(ref change, (nuint)(i + Vector512<double>.Count));
        }

        return i;
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

    /// <summary><c>changes[i] = tuned[i] - origin[i]</c> where the random number of its index lies below a bound, 0 elsewhere.</summary>
    public static void Random<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, ulong stream, long start, uint below, Span<double> changes)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        // Numbers come in pairs of indices: vectors begin with an even one.
        int i = (int)Math.Min(start & 1, changes.Length);
        if (i == 1)
        {
            changes[0] = Kept(origin[0], tuned[0], Number(stream, start) < below);
        }

        if (typeof(T) == typeof(float))
        {
            i += Random(MemoryMarshal.Cast<T, float>(origin)[i..], MemoryMarshal.Cast<T, float>(tuned)[i..], stream, start + i, below, changes[i..]);
        }

        for (; i < changes.Length; i++)
        {
            changes[i] = Kept(origin[i], tuned[i], Number(stream, start + i) < below);
        }

        static double Kept(T origin, T tuned, bool kept) => kept ? double.CreateTruncating(tuned) - double.CreateTruncating(origin) : 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Random(ReadOnlySpan<float> origin, ReadOnlySpan<float> tuned, ulong stream, long start, uint below, Span<double> changes)
    {
        ref float from = ref MemoryMarshal.GetReference(origin);
        ref float to = ref MemoryMarshal.GetReference(tuned);
        ref double change = ref MemoryMarshal.GetReference(changes);
        Vector512<uint> bound = Vector512.Create(below);
        Vector512<ulong> state = States(stream, start);
        int i = 0;
        for (; i <= changes.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            (Vector512<long> first, Vector512<long> second) = Vector512.Widen(Vector512.LessThan(Numbers(ref state), bound).AsInt32());
            (Vector512<double> x, Vector512<double> y) = Vector512.Widen(Vector512.LoadUnsafe(ref from, (nuint)i));
            (Vector512<double> p, Vector512<double> q) = Vector512.Widen(Vector512.LoadUnsafe(ref to, (nuint)i));
            ((p - x) & first.AsDouble()).StoreUnsafe(ref change, (nuint)i);
            ((q - y) & second.AsDouble()).StoreUnsafe(ref change, (nuint)(i + Vector512<double>.Count));
        }

        return i;
    }

    /// <summary><c>changes[i] = tuned[i] - origin[i]</c> where the bit is set, the first the lowest, 0 elsewhere.</summary>
    public static void Kept<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, ReadOnlySpan<ulong> bits, Span<double> changes)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        int done = typeof(T) == typeof(float) ? Kept(MemoryMarshal.Cast<T, float>(origin), MemoryMarshal.Cast<T, float>(tuned), bits, changes) : 0;
        for (int i = done; i < changes.Length; i++)
        {
            changes[i] = IsSet(bits, i) ? double.CreateTruncating(tuned[i]) - double.CreateTruncating(origin[i]) : 0;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Kept(ReadOnlySpan<float> origin, ReadOnlySpan<float> tuned, ReadOnlySpan<ulong> bits, Span<double> changes)
    {
        ref float from = ref MemoryMarshal.GetReference(origin);
        ref float to = ref MemoryMarshal.GetReference(tuned);
        ref double change = ref MemoryMarshal.GetReference(changes);
        int i = 0;
        for (; i <= changes.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            ulong kept = bits[i / 64] >> (i & 63);
            (Vector512<double> x, Vector512<double> y) = Vector512.Widen(Vector512.LoadUnsafe(ref from, (nuint)i));
            (Vector512<double> p, Vector512<double> q) = Vector512.Widen(Vector512.LoadUnsafe(ref to, (nuint)i));
            ((p - x) & Lanes(kept)).StoreUnsafe(ref change, (nuint)i);
            ((q - y) & Lanes(kept >> Vector512<double>.Count)).StoreUnsafe(ref change, (nuint)(i + Vector512<double>.Count));
        }

        return i;
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
            kept += IsSet(bits, i) ? change : 0;
        }

        return (all, kept);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (int Done, double All, double Kept) Masses(ReadOnlySpan<float> origin, ReadOnlySpan<float> tuned, ReadOnlySpan<ulong> bits)
    {
        ref float from = ref MemoryMarshal.GetReference(origin);
        ref float to = ref MemoryMarshal.GetReference(tuned);
        Vector512<double> all = default, other = default, kept = default, rest = default;
        int i = 0;
        for (; i <= tuned.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            ulong lanes = bits[i / 64] >> (i & 63);
            (Vector512<double> x, Vector512<double> y) = Vector512.Widen(Vector512.LoadUnsafe(ref from, (nuint)i));
            (Vector512<double> p, Vector512<double> q) = Vector512.Widen(Vector512.LoadUnsafe(ref to, (nuint)i));
            (p, q) = (Vector512.Abs(p - x), Vector512.Abs(q - y));
            all += p;
            other += q;
            kept += p & Lanes(lanes);
            rest += q & Lanes(lanes >> Vector512<double>.Count);
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
        Vector512<double> all = default, other = default, kept = default, rest = default;
        Vector512<int> lanes = Vector512.Create(1, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7, 1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15);
        for (int i = 0; i < magnitudes.Length; i += Vector512<float>.Count)
        {
            Vector512<float> change = Vector512.LoadUnsafe(ref from, (nuint)i);
            Vector512<int> set = Vector512.Create((int)(bits[i / 64] >> i)) & lanes;
            (Vector512<double> p, Vector512<double> q) = Vector512.Widen(change);
            (Vector512<double> r, Vector512<double> s) = Vector512.Widen(change & Vector512.Equals(set, lanes).AsSingle());
            all += p;
            other += q;
            kept += r;
            rest += s;
        }

        return (Vector512.Sum(all + other), Vector512.Sum(kept + rest));
    }

    /// <summary>All bits of the lanes whose bit is set in the lowest eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Lanes(ulong bits)
    {
        Vector512<ulong> lanes = Vector512.Create(1UL, 2, 4, 8, 16, 32, 64, 128);
        return Vector512.Equals(Vector512.Create(bits) & lanes, lanes).AsDouble();
    }

    private static bool IsSet(ReadOnlySpan<ulong> bits, int i) => ((bits[i / 64] >> (i & 63)) & 1) != 0;

    /// <summary>The states of the generator at sixteen indices, of which the first is even.</summary>
    public static Vector512<ulong> States(ulong stream, long start) =>
        Vector512.Create(stream) + ((Vector512.Create((ulong)start >> 1) + Vector512<ulong>.Indices) * Vector512.Create(Step));

    /// <summary>The random numbers of sixteen indices; the state goes on to the next sixteen.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Numbers(ref Vector512<ulong> state)
    {
        Vector512<ulong> z = state;
        state += Vector512.Create(unchecked(Step * (ulong)Vector512<ulong>.Count));
        z = (z ^ (z >> 30)) * Vector512.Create(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)) * Vector512.Create(0x94D049BB133111EB);
        return (z ^ (z >> 31)).AsUInt32();
    }

    /// <summary>The upper bytes of the random numbers from an even index on.</summary>
    /// <param name="stream">The stream of numbers.</param>
    /// <param name="start">The first index.</param>
    /// <param name="bytes">Receives whole vectors.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void UpperBytes(ulong stream, long start, Span<byte> bytes)
    {
        ref byte to = ref MemoryMarshal.GetReference(bytes);
        Vector512<ulong> state = States(stream, start);
        for (int i = 0; i < bytes.Length; i += Vector512<byte>.Count)
        {
            Vector512<uint> a = Numbers(ref state) >> 24, b = Numbers(ref state) >> 24, c = Numbers(ref state) >> 24, d = Numbers(ref state) >> 24;
            Vector512.Narrow(Vector512.Narrow(a, b), Vector512.Narrow(c, d)).StoreUnsafe(ref to, (nuint)i);
        }
    }

    /// <summary>The scalar definition of the random number of an index, 32 bits: half of what SplitMix64 gives for a pair of indices.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Number(ulong stream, long index)
    {
        ulong z = stream + (((ulong)index >> 1) * Step);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        return (uint)((index & 1) == 0 ? z : z >> 32);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<long> Within(Vector512<long> key, Vector512<long> index, ulong cutKey, long cutIndex)
    {
        // Keys are below 2^63; a cut above that takes in nothing.
        Vector512<long> cut = Vector512.Create((long)Math.Min(cutKey, long.MaxValue));
        return Vector512.GreaterThan(key, cut) | (Vector512.Equals(key, cut) & Vector512.LessThanOrEqual(index, Vector512.Create(cutIndex)));
    }
}
