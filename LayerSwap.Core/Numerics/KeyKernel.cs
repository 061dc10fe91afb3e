using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>Keys of changes, and the search for those within bounds. A key is the bits of a non-negative double: ordered as the numbers are, below 2^63.</summary>
internal static class KeyKernel
{
    /// <summary><c>keys[i] = bits of abs(tuned[i] - origin[i])</c>, the difference taken in doubles.</summary>
    public static void Changes(ReadOnlySpan<float> origin, ReadOnlySpan<float> tuned, Span<ulong> keys)
    {
        Span<double> changes = MemoryMarshal.Cast<ulong, double>(keys);
        Subtract(origin, tuned, changes);
        TensorPrimitives.Abs<double>(changes, changes);
    }

    /// <summary><c>changes[i] = tuned[i] - origin[i]</c>, in doubles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Subtract(ReadOnlySpan<float> origin, ReadOnlySpan<float> tuned, Span<double> changes)
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

        for (; i < changes.Length; i++)
        {
            changes[i] = (double)tuned[i] - origin[i];
        }
    }

    /// <summary>Counts the keys above a bound; the places of keys from <paramref name="low"/> to <paramref name="high"/>, both included, go to <paramref name="places"/>.</summary>
    /// <returns>How many keys lie above, and how many within.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (int Above, int Within) Within(ReadOnlySpan<ulong> keys, ulong low, ulong high, Span<int> places)
    {
        ref ulong key = ref MemoryMarshal.GetReference(keys);
        Vector512<long> lows = Vector512.Create((long)low), highs = Vector512.Create((long)high), above = default;
        int i = 0, within = 0;
        for (; i <= keys.Length - Vector512<long>.Count; i += Vector512<long>.Count)
        {
            Vector512<long> k = Vector512.LoadUnsafe(ref key, (nuint)i).AsInt64();
            Vector512<long> over = Vector512.GreaterThan(k, highs);
            above -= over;
            ulong mask = Vector512.AndNot(Vector512.GreaterThanOrEqual(k, lows), over).ExtractMostSignificantBits();
            for (; mask != 0; mask &= mask - 1)
            {
                places[within++] = i + System.Numerics.BitOperations.TrailingZeroCount(mask);
            }
        }

        int count = (int)Vector512.Sum(above);
        for (; i < keys.Length; i++)
        {
            count += keys[i] > high ? 1 : 0;
            if (keys[i] >= low && keys[i] <= high)
            {
                places[within++] = i;
            }
        }

        return (count, within);
    }
}
