using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>Sums over doubles, in the same order of lanes on every machine.</summary>
internal static class SumKernel
{
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
        EnergyLanes lanes = default;
        Vector512<long> lows = Vector512.Create((long)low), highs = Vector512.Create((long)high);
        int i = 0;
        for (; i <= values.Length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            lanes.Add(Vector512.LoadUnsafe(ref from, (nuint)i), Vector512.LoadUnsafe(ref key, (nuint)i).AsInt64(), lows, highs);
        }

        KeyEnergies energies = lanes.Sums;
        for (; i < values.Length; i++)
        {
            energies = energies.With(values[i], keys[i], low, high);
        }

        return energies.Of(low, high);
    }

    /// <summary>The sum of squares of what is kept of a source's changes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Squares<T>(ReadOnlySpan<T> origin, in KeptChanges<T> changes, int source)
        where T : unmanaged
    {
        ref T from = ref MemoryMarshal.GetReference(origin);
        Vector512<double> sum = default, other = default;
        int i = 0;
        for (; i <= origin.Length - (2 * Vector512<double>.Count); i += 2 * Vector512<double>.Count)
        {
            (Vector512<double> x, Vector512<double> y) = Wide.Sixteen(ref from, i);
            (Vector512<double> a, Vector512<double> b) = changes.Sixteen(source, i, x, y);
            sum += a * a;
            other += b * b;
        }

        double total = Vector512.Sum(sum + other);
        for (; i < origin.Length; i++)
        {
            double change = changes.One(source, i);
            total += change * change;
        }

        return total;
    }
}

/// <summary>Sums of squares by where the keys beside the values lie.</summary>
internal readonly record struct KeyEnergies(double Above, double AtHigh, double AtLow)
{
    /// <summary>One more value.</summary>
    public KeyEnergies With(double value, ulong key, ulong low, ulong high)
    {
        double square = value * value;
        return new(Above + (key > high ? square : 0), AtHigh + (key == high ? square : 0), AtLow + (key == low ? square : 0));
    }

    /// <summary>Where the bounds are equal, keys upon them count as at the upper.</summary>
    public KeyEnergies Of(ulong low, ulong high) => low == high ? this with { AtLow = 0 } : this;
}

/// <summary>The same in lanes.</summary>
internal struct EnergyLanes
{
    private Vector512<double> _above, _atHigh, _atLow;

    public readonly KeyEnergies Sums
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(Vector512.Sum(_above), Vector512.Sum(_atHigh), Vector512.Sum(_atLow));
    }

    /// <summary>Eight more values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(Vector512<double> values, Vector512<long> keys, Vector512<long> lows, Vector512<long> highs)
    {
        Vector512<double> squares = values * values;
        _above = Vector512.ConditionalSelect(Vector512.GreaterThan(keys, highs).AsDouble(), _above + squares, _above);
        _atHigh = Vector512.ConditionalSelect(Vector512.Equals(keys, highs).AsDouble(), _atHigh + squares, _atHigh);
        _atLow = Vector512.ConditionalSelect(Vector512.Equals(keys, lows).AsDouble(), _atLow + squares, _atLow);
    }
}
