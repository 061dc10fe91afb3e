using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>Dot products in doubles, in the same order of lanes on every machine.</summary>
internal static class DotKernel
{
    /// <summary><c>sum of (a[i] - o[i]) (b[i] - o[i])</c>, without the o where it is empty.</summary>
    public static double Dot<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> a, ReadOnlySpan<T> b)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (typeof(T) == typeof(double))
        {
            return Scalar(origin, a, b);
        }

        int done = a.Length - (a.Length % Vector512<float>.Count);
        double sum = origin.IsEmpty
            ? Vectors(MemoryMarshal.Cast<T, float>(a)[..done], MemoryMarshal.Cast<T, float>(b))
            : Vectors(MemoryMarshal.Cast<T, float>(origin), MemoryMarshal.Cast<T, float>(a)[..done], MemoryMarshal.Cast<T, float>(b));
        return sum + Scalar(origin.IsEmpty ? origin : origin[done..], a[done..], b[done..]);
    }

    public static double Scalar<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> a, ReadOnlySpan<T> b)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            double o = origin.IsEmpty ? 0 : double.CreateTruncating(origin[i]);
            sum += (double.CreateTruncating(a[i]) - o) * (double.CreateTruncating(b[i]) - o);
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Vectors(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        ref float first = ref MemoryMarshal.GetReference(a);
        ref float second = ref MemoryMarshal.GetReference(b);
        Vector512<double> lower = default, upper = default;
        for (int i = 0; i < a.Length; i += Vector512<float>.Count)
        {
            (Vector512<double> p, Vector512<double> q) = Vector512.Widen(Vector512.LoadUnsafe(ref first, (nuint)i));
            (Vector512<double> r, Vector512<double> s) = Vector512.Widen(Vector512.LoadUnsafe(ref second, (nuint)i));
            lower += p * r;
            upper += q * s;
        }

        return Vector512.Sum(lower + upper);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Vectors(ReadOnlySpan<float> origin, ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        ref float start = ref MemoryMarshal.GetReference(origin);
        ref float first = ref MemoryMarshal.GetReference(a);
        ref float second = ref MemoryMarshal.GetReference(b);
        Vector512<double> lower = default, upper = default;
        for (int i = 0; i < a.Length; i += Vector512<float>.Count)
        {
            (Vector512<double> x, Vector512<double> y) = Vector512.Widen(Vector512.LoadUnsafe(ref start, (nuint)i));
            (Vector512<double> p, Vector512<double> q) = Vector512.Widen(Vector512.LoadUnsafe(ref first, (nuint)i));
            (Vector512<double> r, Vector512<double> s) = Vector512.Widen(Vector512.LoadUnsafe(ref second, (nuint)i));
            lower += (p - x) * (r - x);
            upper += (q - y) * (s - y);
        }

        return Vector512.Sum(lower + upper);
    }
}
