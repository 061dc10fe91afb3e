using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>
/// The numbers of keys above the upper bound, equal to it, equal to the lower bound, and strictly between, and of zero keys. If the bounds
/// are equal, keys equal to them count for the upper one.
/// </summary>
internal readonly record struct KeyCounts(long Above, long AtHigh, long AtLow, long Within, long Zeros)
{
    public KeyCounts Add(KeyCounts more) =>
        new(Above + more.Above, AtHigh + more.AtHigh, AtLow + more.AtLow, Within + more.Within, Zeros + more.Zeros);
}

/// <summary>Computes the sort keys of deltas, and counts keys relative to bounds.</summary>
internal static class KeyKernel
{
    /// <summary><c>keys[i] = SortKey.Of(source[i] - base[i])</c>, the delta in float64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ComputeDeltaKeys<T>(ReadOnlySpan<T> @base, ReadOnlySpan<T> source, Span<ulong> keys)
        where T : unmanaged
    {
        ref T from = ref MemoryMarshal.GetReference(@base), to = ref MemoryMarshal.GetReference(source);
        ref ulong key = ref MemoryMarshal.GetReference(keys);
        int i = 0;
        for (; i <= keys.Length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            Vector512<double> delta = VectorWidening.Load8(ref Unsafe.Add(ref to, i)) - VectorWidening.Load8(ref Unsafe.Add(ref from, i));
            SortKey.Of(delta).StoreUnsafe(ref key, (nuint)i);
        }

        for (; i < keys.Length; i++)
        {
            keys[i] = SortKey.Of(VectorWidening.Load1(source[i]) - VectorWidening.Load1(@base[i]));
        }
    }

    /// <summary>
    /// Computes <c>keys[i] = bits of abs(source[i] - base[i])</c> in float32 if all these deltas are exact there, as they nearly always are
    /// after fine-tuning.
    /// </summary>
    /// <param name="base">The base's elements.</param>
    /// <param name="source">The source's elements.</param>
    /// <param name="keys">Receives the keys, followed by zeros.</param>
    /// <param name="largest">Receives the largest key.</param>
    /// <returns>False, with undefined keys, if a delta is not exact or the elements are float64.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool TryComputeDeltaKeys<T>(ReadOnlySpan<T> @base, ReadOnlySpan<T> source, Span<int> keys, out int largest)
        where T : unmanaged
    {
        largest = 0;
        if (typeof(T) == typeof(double))
        {
            return false;
        }

        ref T from = ref MemoryMarshal.GetReference(@base), to = ref MemoryMarshal.GetReference(source);
        ref int key = ref MemoryMarshal.GetReference(keys);
        Vector512<int> unsigned = Vector512.Create(int.MaxValue), error = default, most = default;
        int i = 0;
        for (; i <= source.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            Vector512<float> x = VectorWidening.LoadFloat32(ref from, i), y = VectorWidening.LoadFloat32(ref to, i), delta = y - x;
            Vector512<int> magnitude = delta.AsInt32() & unsigned;
            error |= RoundingError(x, y, delta);
            most = Vector512.Max(most, magnitude);
            magnitude.StoreUnsafe(ref key, (nuint)i);
        }

        bool exact = (error & unsigned) == Vector512<int>.Zero;
        for (int lane = 0; lane < Vector512<int>.Count; lane++)
        {
            largest = Math.Max(largest, most[lane]);
        }

        for (; i < source.Length; i++)
        {
            float x = (float)VectorWidening.Load1(@base[i]), y = (float)VectorWidening.Load1(source[i]), delta = y - x;
            exact &= y - delta == x && x + delta == y;
            keys[i] = BitConverter.SingleToInt32Bits(delta) & int.MaxValue;
            largest = Math.Max(largest, keys[i]);
        }

        keys[source.Length..].Clear();
        return exact;
    }

    /// <summary>
    /// Computes the rounding error of a float32 delta (Dekker's two-sum): zero except for the sign bit if the delta is exact, not zero if a
    /// number is not finite.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> RoundingError(Vector512<float> x, Vector512<float> y, Vector512<float> delta) =>
        (y - delta - x).AsInt32() | (x + delta - y).AsInt32();

    /// <summary>Counts keys relative to bounds, and lists the keys strictly between.</summary>
    /// <param name="keys">The keys, below 2^63.</param>
    /// <param name="low">The lower bound.</param>
    /// <param name="high">The upper bound.</param>
    /// <param name="found">Receives the keys strictly between; at least as long as the keys.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static KeyCounts CountWithin(ReadOnlySpan<ulong> keys, ulong low, ulong high, Span<ulong> found)
    {
        ref ulong key = ref MemoryMarshal.GetReference(keys), to = ref MemoryMarshal.GetReference(found[..keys.Length]);
        Vector512<long> lows = Vector512.Create((long)low), highs = Vector512.Create((long)high);
        Vector512<long> aboves = default, atHighs = default, atLows = default, zeros = default;
        int i = 0, within = 0;
        for (; i <= keys.Length - Vector512<long>.Count; i += Vector512<long>.Count)
        {
            // True is -1 in each lane.
            Vector512<long> k = Vector512.LoadUnsafe(ref key, (nuint)i).AsInt64(), above = Vector512.GreaterThan(k, highs);
            Vector512<long> atHigh = Vector512.Equals(k, highs);
            aboves -= above;
            atHighs -= atHigh;
            atLows -= Vector512.Equals(k, lows);
            zeros -= Vector512.Equals(k, default);
            Vector512<long> inside = Vector512.AndNot(Vector512.GreaterThan(k, lows), above | atHigh);
            for (ulong mask = inside.ExtractMostSignificantBits(); mask != 0; mask &= mask - 1)
            {
                Unsafe.Add(ref to, within++) = Unsafe.Add(ref key, i + BitOperations.TrailingZeroCount(mask));
            }
        }

        KeyCounts counts = new(Vector512.Sum(aboves), Vector512.Sum(atHighs), Vector512.Sum(atLows), within, Vector512.Sum(zeros));
        for (; i < keys.Length; i++)
        {
            ulong k = keys[i];
            bool isInside = k > low && k < high;
            if (isInside)
            {
                Unsafe.Add(ref to, (int)counts.Within) = k;
            }

            counts = counts.Add(new KeyCounts(k > high ? 1 : 0, k == high ? 1 : 0, k == low ? 1 : 0, isInside ? 1 : 0, k == 0 ? 1 : 0));
        }

        return low == high ? counts with { AtLow = 0 } : counts;
    }

    /// <summary>
    /// Counts keys that are the bits of non-negative float32 numbers relative to <see cref="SortKey"/> bounds, and lists the keys strictly
    /// between.
    /// </summary>
    public static KeyCounts CountWithin(ReadOnlySpan<int> keys, ulong low, ulong high, Span<int> found)
    {
        // A bound may be between two float32 keys; the nearest key inside replaces it.
        bool lowIsKey = SortKey.IsFloat32(low), highIsKey = SortKey.IsFloat32(high);
        int first = unchecked(SortKey.FloorToFloat32(low) + 1);
        int end = highIsKey ? SortKey.FloorToFloat32(high) : unchecked(SortKey.FloorToFloat32(high) + 1);
        KeyCounts counts = Count(keys, first, end, found);
        return counts with
        {
            Above = highIsKey ? counts.Above : counts.Above + counts.AtHigh,
            AtHigh = highIsKey ? counts.AtHigh : 0,
            AtLow = lowIsKey && low != high ? counts.AtLow : 0,
        };
    }

    /// <summary>
    /// Counts keys: above the end, at the end, just below the first, and from the first up to the end. A first or end that overflows is the
    /// smallest integer.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static KeyCounts Count(ReadOnlySpan<int> keys, int first, int end, Span<int> found)
    {
        ref int key = ref MemoryMarshal.GetReference(keys), to = ref MemoryMarshal.GetReference(found[..keys.Length]);
        int i = 0, within = 0, last = unchecked(end - 1), before = unchecked(first - 1);
        Vector512<int> ends = Vector512.Create(end), lasts = Vector512.Create(last), befores = Vector512.Create(before);
        Vector512<int> notWithins = default, atEnds = default, atBefores = default, zeros = default;
        for (; i <= keys.Length - Vector512<int>.Count; i += Vector512<int>.Count)
        {
            Vector512<int> k = Vector512.LoadUnsafe(ref key, (nuint)i), above = Vector512.GreaterThan(k, lasts);
            notWithins -= above;
            atEnds -= Vector512.Equals(k, ends);
            atBefores -= Vector512.Equals(k, befores);
            zeros -= Vector512.Equals(k, default);
            Vector512<int> inside = Vector512.AndNot(Vector512.GreaterThan(k, befores), above);
            for (ulong mask = inside.ExtractMostSignificantBits(); mask != 0; mask &= mask - 1)
            {
                Unsafe.Add(ref to, within++) = Unsafe.Add(ref key, i + BitOperations.TrailingZeroCount(mask));
            }
        }

        int atEnd = Vector512.Sum(atEnds);
        KeyCounts counts = new(Vector512.Sum(notWithins) - atEnd, atEnd, Vector512.Sum(atBefores), within, Vector512.Sum(zeros));
        for (; i < keys.Length; i++)
        {
            int k = keys[i];
            bool isInside = k > before && k <= last;
            if (isInside)
            {
                Unsafe.Add(ref to, (int)counts.Within) = k;
            }

            int above = k > last && k != end ? 1 : 0, atEndOne = k == end ? 1 : 0, atBefore = k == before ? 1 : 0;
            counts = counts.Add(new KeyCounts(above, atEndOne, atBefore, isInside ? 1 : 0, k == 0 ? 1 : 0));
        }

        return counts;
    }
}
