using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Dot products in float64, with the same order of lanes on every machine.</summary>
internal static class DotKernel
{
    /// <summary>Computes <c>sum of (a[i] - base[i]) (b[i] - base[i])</c>, with 0 for an empty base.</summary>
    public static double Dot<T>(ReadOnlySpan<T> @base, ReadOnlySpan<T> a, ReadOnlySpan<T> b)
        where T : unmanaged
    {
        int done = a.Length - (a.Length % Vector512<float>.Count);
        double sum = @base.IsEmpty ? Vectors(a[..done], b) : Vectors(@base, a[..done], b);
        return sum + Scalar(@base.IsEmpty ? @base : @base[done..], a[done..], b[done..]);
    }

    /// <summary>Computes the three dot products of two vectors at once, or of their deltas if there is a base.</summary>
    public static (double Aa, double Ab, double Bb) Pair<T>(ReadOnlySpan<T> @base, ReadOnlySpan<T> a, ReadOnlySpan<T> b)
        where T : unmanaged
    {
        int done = a.Length - (a.Length % Vector512<float>.Count);
        (double aa, double ab, double bb) = Pairs(@base, a[..done], b);
        @base = @base.IsEmpty ? @base : @base[done..];
        a = a[done..];
        b = b[done..];
        return (aa + Scalar(@base, a, a), ab + Scalar(@base, a, b), bb + Scalar(@base, b, b));
    }

    public static double Scalar<T>(ReadOnlySpan<T> @base, ReadOnlySpan<T> a, ReadOnlySpan<T> b)
        where T : unmanaged
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            double o = @base.IsEmpty ? 0 : VectorWidening.Load1(@base[i]);
            sum += (VectorWidening.Load1(a[i]) - o) * (VectorWidening.Load1(b[i]) - o);
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Vectors<T>(ReadOnlySpan<T> a, ReadOnlySpan<T> b)
        where T : unmanaged
    {
        ref T first = ref MemoryMarshal.GetReference(a);
        ref T second = ref MemoryMarshal.GetReference(b);
        Vector512<double> lower = default, upper = default;
        for (int i = 0; i < a.Length; i += Vector512<float>.Count)
        {
            (Vector512<double> p, Vector512<double> q) = VectorWidening.Load16(ref first, i);
            (Vector512<double> r, Vector512<double> s) = VectorWidening.Load16(ref second, i);
            lower += p * r;
            upper += q * s;
        }

        return Vector512.Sum(lower + upper);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Vectors<T>(ReadOnlySpan<T> @base, ReadOnlySpan<T> a, ReadOnlySpan<T> b)
        where T : unmanaged
    {
        ref T start = ref MemoryMarshal.GetReference(@base);
        ref T first = ref MemoryMarshal.GetReference(a);
        ref T second = ref MemoryMarshal.GetReference(b);
        Vector512<double> lower = default, upper = default;
        for (int i = 0; i < a.Length; i += Vector512<float>.Count)
        {
            (Vector512<double> x, Vector512<double> y) = VectorWidening.Load16(ref start, i);
            (Vector512<double> p, Vector512<double> q) = VectorWidening.Load16(ref first, i);
            (Vector512<double> r, Vector512<double> s) = VectorWidening.Load16(ref second, i);
            lower += (p - x) * (r - x);
            upper += (q - y) * (s - y);
        }

        return Vector512.Sum(lower + upper);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (double Aa, double Ab, double Bb) Pairs<T>(ReadOnlySpan<T> @base, ReadOnlySpan<T> a, ReadOnlySpan<T> b)
        where T : unmanaged
    {
        ref T start = ref MemoryMarshal.GetReference(@base);
        ref T first = ref MemoryMarshal.GetReference(a);
        ref T second = ref MemoryMarshal.GetReference(b);
        Vector512<double> aa = default, ab = default, bb = default, x = default, y = default;
        for (int i = 0; i < a.Length; i += Vector512<float>.Count)
        {
            (Vector512<double> p, Vector512<double> q) = VectorWidening.Load16(ref first, i);
            (Vector512<double> r, Vector512<double> s) = VectorWidening.Load16(ref second, i);
            if (!@base.IsEmpty)
            {
                (x, y) = VectorWidening.Load16(ref start, i);
                (p, q, r, s) = (p - x, q - y, r - x, s - y);
            }

            // Explicitly fused, so that every machine gives the same bits.
            aa = Vector512.FusedMultiplyAdd(q, q, Vector512.FusedMultiplyAdd(p, p, aa));
            ab = Vector512.FusedMultiplyAdd(q, s, Vector512.FusedMultiplyAdd(p, r, ab));
            bb = Vector512.FusedMultiplyAdd(s, s, Vector512.FusedMultiplyAdd(r, r, bb));
        }

        return (Vector512.Sum(aa), Vector512.Sum(ab), Vector512.Sum(bb));
    }
}
