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
    public static void Combine(ReadOnlySpan<double> weights, double scale, in Rows<float> rows, Span<float> output)
    {
        ref float from = ref rows.Reference;
        ref float to = ref MemoryMarshal.GetReference(output);
        int length = output.Length, i = 0;
        Vector512<double> by = Vector512.Create(scale);
        // The weight of the first row and of a possible second stay in registers: two rows are the common case.
        Vector512<double> first = Vector512.Create(weights.Length > 0 ? weights[0] : 0), second = Vector512.Create(weights.Length > 1 ? weights[1] : 0);
        for (; i <= length - Vector512<float>.Count && weights.Length > 1; i += Vector512<float>.Count)
        {
            (Vector512<double> a, Vector512<double> b) = Wide.Sixteen(ref from, i);
            (Vector512<double> c, Vector512<double> d) = Wide.Sixteen(ref from, length + i);
            Vector512<double> lower = (first * a) + (second * c), upper = (first * b) + (second * d);
            for (int k = 2; k < weights.Length; k++)
            {
                Vector512<double> weight = Vector512.Create(weights[k]);
                (a, b) = Wide.Sixteen(ref from, (k * length) + i);
                lower += weight * a;
                upper += weight * b;
            }

            Vector512.Narrow(lower * by, upper * by).StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < length; i++)
        {
            double sum = NoTerm;
            for (int k = 0; k < weights.Length; k++)
            {
                sum += weights[k] * rows[k][i];
            }

            output[i] = (float)(sum * scale);
        }
    }

    /// <summary>The same with a row that lies elsewhere before the others: <c>output[i] = weights[0] * first[i] + sum over k of weights[k + 1] * rows[k][i]</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Combine(ReadOnlySpan<double> weights, ReadOnlySpan<float> first, in Rows<float> rows, Span<float> output)
    {
        ref float start = ref MemoryMarshal.GetReference(first);
        ref float from = ref rows.Reference;
        ref float to = ref MemoryMarshal.GetReference(output);
        int length = output.Length, i = 0;
        Vector512<double> own = Vector512.Create(weights[0]);
        for (; i <= length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            (Vector512<double> a, Vector512<double> b) = Wide.Sixteen(ref start, i);
            Vector512<double> lower = own * a, upper = own * b;
            for (int k = 1; k < weights.Length; k++)
            {
                Vector512<double> weight = Vector512.Create(weights[k]);
                (a, b) = Wide.Sixteen(ref from, ((k - 1) * length) + i);
                lower += weight * a;
                upper += weight * b;
            }

            Vector512.Narrow(lower, upper).StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < length; i++)
        {
            double sum = weights[0] * first[i];
            for (int k = 1; k < weights.Length; k++)
            {
                sum += weights[k] * rows[k - 1][i];
            }

            output[i] = (float)sum;
        }
    }

    /// <summary>The same in doubles, divided by <paramref name="divisor"/>: here dividing the weights beforehand would be a rounding more.</summary>
    public static void Combine(ReadOnlySpan<double> weights, double divisor, in Rows<double> rows, Span<double> output)
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
    public static void AddTaskVectors(ReadOnlySpan<double> weights, double scale, ReadOnlySpan<float> origin, in Rows<float> rows, Span<float> output)
    {
        ref float from = ref rows.Reference;
        ref float start = ref MemoryMarshal.GetReference(origin);
        ref float to = ref MemoryMarshal.GetReference(output);
        int length = output.Length, i = 0;
        Vector512<double> by = Vector512.Create(scale), first = Vector512.Create(weights.Length > 0 ? weights[0] : 0);
        for (; i <= length - Vector512<float>.Count && weights.Length > 0; i += Vector512<float>.Count)
        {
            (Vector512<double> x, Vector512<double> y) = Wide.Sixteen(ref start, i);
            (Vector512<double> a, Vector512<double> b) = Wide.Sixteen(ref from, i);
            Vector512<double> lower = first * (a - x), upper = first * (b - y);
            for (int k = 1; k < weights.Length; k++)
            {
                Vector512<double> weight = Vector512.Create(weights[k]);
                (a, b) = Wide.Sixteen(ref from, (k * length) + i);
                lower += weight * (a - x);
                upper += weight * (b - y);
            }

            Vector512.Narrow(x + (by * lower), y + (by * upper)).StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < output.Length; i++)
        {
            double sum = NoTerm;
            for (int k = 0; k < weights.Length; k++)
            {
                sum += weights[k] * ((double)rows[k][i] - origin[i]);
            }

            output[i] = (float)(origin[i] + (scale * sum));
        }
    }

    /// <inheritdoc cref="AddTaskVectors(ReadOnlySpan{double}, double, ReadOnlySpan{float}, in Rows{float}, Span{float})"/>
    public static void AddTaskVectors(ReadOnlySpan<double> weights, double scale, ReadOnlySpan<double> origin, in Rows<double> rows, Span<double> output)
    {
        for (int i = 0; i < output.Length; i++)
        {
            double sum = NoTerm;
            for (int k = 0; k < weights.Length; k++)
            {
                sum += weights[k] * (rows[k][i] - origin[i]);
            }

            output[i] = origin[i] + (scale * sum);
        }
    }
}
