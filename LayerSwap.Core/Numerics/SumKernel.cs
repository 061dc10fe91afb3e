using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>Sums over doubles, in the same order of lanes on every machine.</summary>
internal static class SumKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Magnitudes(ReadOnlySpan<double> values)
    {
        ref double from = ref MemoryMarshal.GetReference(values);
        Vector512<double> sum = default, other = default;
        int i = 0;
        for (; i <= values.Length - (2 * Vector512<double>.Count); i += 2 * Vector512<double>.Count)
        {
            sum += Vector512.Abs(Vector512.LoadUnsafe(ref from, (nuint)i));
            other += Vector512.Abs(Vector512.LoadUnsafe(ref from, (nuint)(i + Vector512<double>.Count)));
        }

        double total = Vector512.Sum(sum + other);
        for (; i < values.Length; i++)
        {
            total += Math.Abs(values[i]);
        }

        return total;
    }

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
}
