using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>Sums over doubles, in the same order of lanes on every machine.</summary>
internal static class SumKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Squares(ReadOnlySpan<double> values)
    {
        ref double from = ref MemoryMarshal.GetReference(values);
        Vector512<double> sum = default, other = default;
        int i = 0;
        for (; i <= values.Length - (2 * Vector512<double>.Count); i += 2 * Vector512<double>.Count)
        {
            Vector512<double> a = Vector512.LoadUnsafe(ref from, (nuint)i), b = Vector512.LoadUnsafe(ref from, (nuint)(i + Vector512<double>.Count));
            sum += a * a;
            other += b * b;
        }

        double total = Vector512.Sum(sum + other);
        for (; i < values.Length; i++)
        {
            total += values[i] * values[i];
        }

        return total;
    }

    /// <summary>The sums of squares of values whose key lies above an upper bound, upon it, and upon the lower bound. Where the bounds are equal, keys upon them count as at the upper.</summary>
    /// <param name="values">The values.</param>
    /// <param name="keys">Their keys, below 2^63.</param>
    /// <param name="low">The lower bound.</param>
    /// <param name="high">The upper bound.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static KeyEnergies Squares(ReadOnlySpan<double> values, ReadOnlySpan<ulong> keys, ulong low, ulong high)
    {
        ref double from = ref MemoryMarshal.GetReference(values);
        ref ulong key = ref MemoryMarshal.GetReference(keys[..values.Length]);
        Vector512<double> above = default, atHigh = default, atLow = default;
        Vector512<long> lows = Vector512.Create((long)low), highs = Vector512.Create((long)high);
        int i = 0;
        for (; i <= values.Length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            Vector512<double> value = Vector512.LoadUnsafe(ref from, (nuint)i), square = value * value;
            Vector512<long> k = Vector512.LoadUnsafe(ref key, (nuint)i).AsInt64();
            above += square & Vector512.GreaterThan(k, highs).AsDouble();
            atHigh += square & Vector512.Equals(k, highs).AsDouble();
            atLow += square & Vector512.Equals(k, lows).AsDouble();
        }

        (double sumAbove, double sumAtHigh, double sumAtLow) = (Vector512.Sum(above), Vector512.Sum(atHigh), Vector512.Sum(atLow));
        for (; i < values.Length; i++)
        {
            double square = values[i] * values[i];
            sumAbove += keys[i] > high ? square : 0;
            sumAtHigh += keys[i] == high ? square : 0;
            sumAtLow += keys[i] == low ? square : 0;
        }

        return new KeyEnergies(sumAbove, sumAtHigh, low == high ? 0 : sumAtLow);
    }
}

/// <summary>Sums of squares by where the keys beside the values lie.</summary>
internal readonly record struct KeyEnergies(double Above, double AtHigh, double AtLow);
