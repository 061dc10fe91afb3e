using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>
/// Weighted sums of aligned rows. Products and sums are doubles, so that cancellation costs nothing and one rounding is left; fused
/// multiply-add is not used, so that every machine gives the same bits.
/// </summary>
internal static class LinearKernel
{
    /// <summary>Where sums begin: negative zero changes nothing that is added to it, while zero would make a zero of negative zero, unlike the vectors.</summary>
    private const double NoTerm = -0.0;

    /// <summary><c>output[i] = scale * sum over k of weights[k] * rows[k][i]</c>. The scale comes last: what cancels is then exactly zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Combine<T>(ReadOnlySpan<double> weights, double scale, in Rows<T> rows, Span<T> output)
        where T : unmanaged
    {
        ref T from = ref rows.Reference;
        ref T to = ref MemoryMarshal.GetReference(output);
        int length = output.Length, stride = rows.Stride, i = 0;
        Vector512<double> by = Vector512.Create(scale);
        // The weight of the first row and of a possible second stay in registers: two rows are the common case.
        Vector512<double> first = Vector512.Create(weights.Length > 0 ? weights[0] : 0), second = Vector512.Create(weights.Length > 1 ? weights[1] : 0);
        for (; i <= length - Vector512<float>.Count && weights.Length > 1; i += Vector512<float>.Count)
        {
            (Vector512<double> a, Vector512<double> b) = Wide.Sixteen(ref from, i);
            (Vector512<double> c, Vector512<double> d) = Wide.Sixteen(ref from, stride + i);
            Vector512<double> lower = (first * a) + (second * c), upper = (first * b) + (second * d);
            for (int k = 2; k < weights.Length; k++)
            {
                Vector512<double> weight = Vector512.Create(weights[k]);
                (a, b) = Wide.Sixteen(ref from, (k * stride) + i);
                lower += weight * a;
                upper += weight * b;
            }

            Wide.Store(lower * by, upper * by, ref to, i);
        }

        for (; i < length; i++)
        {
            double sum = NoTerm;
            for (int k = 0; k < weights.Length; k++)
            {
                sum += weights[k] * Wide.One(rows[k][i]);
            }

            output[i] = Wide.Narrow<T>(sum * scale);
        }
    }

    /// <summary>The same with a row that lies elsewhere before the others: <c>output[i] = weights[0] * first[i] + sum over k of weights[k + 1] * rows[k][i]</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Combine<T>(ReadOnlySpan<double> weights, ReadOnlySpan<T> first, in Rows<T> rows, Span<T> output)
        where T : unmanaged
    {
        ref T start = ref MemoryMarshal.GetReference(first);
        ref T from = ref rows.Reference;
        ref T to = ref MemoryMarshal.GetReference(output);
        int length = output.Length, stride = rows.Stride, i = 0;
        Vector512<double> own = Vector512.Create(weights[0]);
        for (; i <= length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            (Vector512<double> a, Vector512<double> b) = Wide.Sixteen(ref start, i);
            Vector512<double> lower = own * a, upper = own * b;
            for (int k = 1; k < weights.Length; k++)
            {
                Vector512<double> weight = Vector512.Create(weights[k]);
                (a, b) = Wide.Sixteen(ref from, ((k - 1) * stride) + i);
                lower += weight * a;
                upper += weight * b;
            }

            Wide.Store(lower, upper, ref to, i);
        }

        for (; i < length; i++)
        {
            double sum = weights[0] * Wide.One(first[i]);
            for (int k = 1; k < weights.Length; k++)
            {
                sum += weights[k] * Wide.One(rows[k - 1][i]);
            }

            output[i] = Wide.Narrow<T>(sum);
        }
    }

    /// <summary>The same in doubles, divided by <paramref name="divisor"/>: multiplying by its reciprocal would be a rounding more.</summary>
    public static void Divided(ReadOnlySpan<double> weights, double divisor, in Rows<double> rows, Span<double> output)
    {
        for (int i = 0; i < output.Length; i++)
        {
            double sum = NoTerm;
            for (int k = 0; k < weights.Length; k++)
            {
                sum += weights[k] * rows[k][i];
            }

            output[i] = sum / divisor;
        }
    }

    /// <summary><c>output[i] = origin[i] + scale * sum over k of weights[k] * (rows[k][i] - origin[i])</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddTaskVectors<T>(ReadOnlySpan<double> weights, double scale, ReadOnlySpan<T> origin, in Rows<T> rows, Span<T> output)
        where T : unmanaged
    {
        ref T from = ref rows.Reference;
        ref T start = ref MemoryMarshal.GetReference(origin);
        ref T to = ref MemoryMarshal.GetReference(output);
        int length = output.Length, stride = rows.Stride, i = 0;
        Vector512<double> by = Vector512.Create(scale), first = Vector512.Create(weights.Length > 0 ? weights[0] : 0);
        for (; i <= length - Vector512<float>.Count && weights.Length > 0; i += Vector512<float>.Count)
        {
            (Vector512<double> x, Vector512<double> y) = Wide.Sixteen(ref start, i);
            (Vector512<double> a, Vector512<double> b) = Wide.Sixteen(ref from, i);
            Vector512<double> lower = first * (a - x), upper = first * (b - y);
            for (int k = 1; k < weights.Length; k++)
            {
                Vector512<double> weight = Vector512.Create(weights[k]);
                (a, b) = Wide.Sixteen(ref from, (k * stride) + i);
                lower += weight * (a - x);
                upper += weight * (b - y);
            }

            Wide.Store(x + (by * lower), y + (by * upper), ref to, i);
        }

        for (; i < output.Length; i++)
        {
            double x = Wide.One(origin[i]), sum = NoTerm;
            for (int k = 0; k < weights.Length; k++)
            {
                sum += weights[k] * (Wide.One(rows[k][i]) - x);
            }

            output[i] = Wide.Narrow<T>(x + (scale * sum));
        }
    }
}
