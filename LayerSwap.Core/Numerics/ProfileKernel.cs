using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>The absolute changes of a piece of one row of a matrix: summed, and each added to its column's sum. Doubles, eight lanes on every machine.</summary>
internal static class ProfileKernel
{
    /// <param name="origin">The base's elements.</param>
    /// <param name="tuned">The model's, as many.</param>
    /// <param name="columns">The sums of their columns, as many; added to.</param>
    /// <returns>The sum over the piece.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Observe<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, Span<double> columns)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int done = 0;
        double sum = 0;
        if (typeof(T) == typeof(float))
        {
            (done, sum) = Vectors(MemoryMarshal.Cast<T, float>(origin), MemoryMarshal.Cast<T, float>(tuned), columns);
        }

        return sum + Scalar(origin[done..], tuned[done..], columns[done..]);
    }

    /// <summary>The scalar definition.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Scalar<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, Span<double> columns)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double sum = 0;
        for (int i = 0; i < origin.Length; i++)
        {
            double change = Math.Abs(double.CreateTruncating(tuned[i] - origin[i]));
            sum += change;
            columns[i] += change;
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (int Done, double Sum) Vectors(ReadOnlySpan<float> origin, ReadOnlySpan<float> tuned, Span<double> columns)
    {
        Vector512<double> sum = default;
        ref float from = ref MemoryMarshal.GetReference(origin);
        ref float to = ref MemoryMarshal.GetReference(tuned);
        ref double column = ref MemoryMarshal.GetReference(columns);
        int end = origin.Length - (origin.Length % Vector512<float>.Count);
        for (int i = 0; i < end; i += Vector512<float>.Count)
        {
            (Vector512<double> low, Vector512<double> high) = Vector512.Widen(Vector512.Abs(Vector512.LoadUnsafe(ref to, (nuint)i) - Vector512.LoadUnsafe(ref from, (nuint)i)));
            sum += low + high;
            (Vector512.LoadUnsafe(ref column, (nuint)i) + low).StoreUnsafe(ref column, (nuint)i);
            (Vector512.LoadUnsafe(ref column, (nuint)(i + 8)) + high).StoreUnsafe(ref column, (nuint)(i + 8));
        }

        return (end, Vector512.Sum(sum));
    }
}
