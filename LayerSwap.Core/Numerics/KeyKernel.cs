using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>How many keys of a block lie above an upper bound, upon it, upon the lower bound, and strictly between.</summary>
internal readonly record struct KeyCounts(int Above, int AtHigh, int AtLow, int Within);

/// <summary>Keys of changes, and the search for those within bounds. A key is the bits of a non-negative double: ordered as the numbers are, below 2^63.</summary>
internal static class KeyKernel
{
    /// <summary><c>keys[i] = bits of abs(tuned[i] - origin[i])</c>, the difference taken in doubles.</summary>
    public static void Changes<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, Span<ulong> keys)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        Span<double> changes = MemoryMarshal.Cast<ulong, double>(keys);
        Subtract(origin, tuned, changes);
        Magnitudes(changes);
    }

    /// <summary><c>changes[i] = tuned[i] - origin[i]</c>, in doubles.</summary>
    public static void Subtract<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, Span<double> changes)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        int done = typeof(T) == typeof(float) ? Subtract(MemoryMarshal.Cast<T, float>(origin), MemoryMarshal.Cast<T, float>(tuned), changes) : 0;
        for (int i = done; i < changes.Length; i++)
        {
            changes[i] = double.CreateTruncating(tuned[i]) - double.CreateTruncating(origin[i]);
        }
    }

    /// <summary><c>values[i] = abs(values[i])</c>: the bits are then keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Magnitudes(Span<double> values)
    {
        ref double at = ref MemoryMarshal.GetReference(values);
        int i = 0;
        for (; i <= values.Length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            Vector512.Abs(Vector512.LoadUnsafe(ref at, (nuint)i)).StoreUnsafe(ref at, (nuint)i);
        }

        for (; i < values.Length; i++)
        {
            values[i] = Math.Abs(values[i]);
        }
    }

    /// <summary>The variance of the changes of each element across the sources; equal changes have none, whatever the rounding of their mean.</summary>
    /// <param name="changes">The changes, one source after another.</param>
    /// <param name="sources">How many sources.</param>
    /// <param name="variances">Receives one for each element.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Variances(ReadOnlySpan<double> changes, int sources, Span<double> variances)
    {
        ref double from = ref MemoryMarshal.GetReference(changes);
        ref double to = ref MemoryMarshal.GetReference(variances);
        int length = variances.Length, i = 0;
        // Multiplying by the reciprocal of a power of two is dividing, and quicker.
        bool exact = System.Numerics.BitOperations.IsPow2(sources);
        Vector512<double> count = Vector512.Create((double)sources), share = Vector512.Create(1.0 / sources);
        for (; i <= length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            Vector512<double> first = Vector512.LoadUnsafe(ref from, (nuint)i), mean = first, equal = Vector512.Equals(first, first);
            for (int s = 1; s < sources; s++)
            {
                Vector512<double> change = Vector512.LoadUnsafe(ref from, (nuint)((s * length) + i));
                mean += change;
                equal &= Vector512.Equals(change, first);
            }

            mean = exact ? mean * share : mean / count;
            Vector512<double> squares = default;
            for (int s = 0; s < sources; s++)
            {
                Vector512<double> apart = Vector512.LoadUnsafe(ref from, (nuint)((s * length) + i)) - mean;
                squares += apart * apart;
            }

            Vector512.AndNot(exact ? squares * share : squares / count, equal).StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < length; i++)
        {
            variances[i] = VarianceOf(changes, sources, i, length);
        }
    }

    /// <summary>The scalar definition of one element's variance.</summary>
    public static double VarianceOf(ReadOnlySpan<double> changes, int sources, int i, int length)
    {
        double first = changes[i], mean = first, squares = 0;
        bool equal = !double.IsNaN(first);
        for (int s = 1; s < sources; s++)
        {
            mean += changes[(s * length) + i];
            equal &= changes[(s * length) + i] == first;
        }

        mean /= sources;
        for (int s = 0; s < sources; s++)
        {
            double apart = changes[(s * length) + i] - mean;
            squares += apart * apart;
        }

        return equal ? 0 : squares / sources;
    }

    /// <summary>Counts keys by where they lie; the places of those strictly between the bounds go to <paramref name="places"/>. Where the bounds are equal, keys upon them count as at the upper.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static KeyCounts Within(ReadOnlySpan<ulong> keys, ulong low, ulong high, Span<int> places)
    {
        ref ulong key = ref MemoryMarshal.GetReference(keys);
        Vector512<long> lows = Vector512.Create((long)low), highs = Vector512.Create((long)high), above = default, atHigh = default, atLow = default;
        int i = 0, within = 0;
        for (; i <= keys.Length - Vector512<long>.Count; i += Vector512<long>.Count)
        {
            Vector512<long> k = Vector512.LoadUnsafe(ref key, (nuint)i).AsInt64();
            above -= Vector512.GreaterThan(k, highs);
            atHigh -= Vector512.Equals(k, highs);
            atLow -= Vector512.Equals(k, lows);
            ulong mask = (Vector512.GreaterThan(k, lows) & Vector512.LessThan(k, highs)).ExtractMostSignificantBits();
            for (; mask != 0; mask &= mask - 1)
            {
                places[within++] = i + System.Numerics.BitOperations.TrailingZeroCount(mask);
            }
        }

        int over = (int)Vector512.Sum(above), uponHigh = (int)Vector512.Sum(atHigh), uponLow = (int)Vector512.Sum(atLow);
        for (; i < keys.Length; i++)
        {
            over += keys[i] > high ? 1 : 0;
            uponHigh += keys[i] == high ? 1 : 0;
            uponLow += keys[i] == low ? 1 : 0;
            if (keys[i] > low && keys[i] < high)
            {
                places[within++] = i;
            }
        }

        return new KeyCounts(over, uponHigh, low == high ? 0 : uponLow, within);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Subtract(ReadOnlySpan<float> origin, ReadOnlySpan<float> tuned, Span<double> changes)
    {
        ref float from = ref MemoryMarshal.GetReference(origin);
        ref float to = ref MemoryMarshal.GetReference(tuned);
        ref double change = ref MemoryMarshal.GetReference(changes);
        int i = 0;
        for (; i <= changes.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            (Vector512<double> x, Vector512<double> y) = Vector512.Widen(Vector512.LoadUnsafe(ref from, (nuint)i));
            (Vector512<double> p, Vector512<double> q) = Vector512.Widen(Vector512.LoadUnsafe(ref to, (nuint)i));
            (p - x).StoreUnsafe(ref change, (nuint)i);
            (q - y).StoreUnsafe(ref change, (nuint)(i + Vector512<double>.Count));
        }

        return i;
    }
}
