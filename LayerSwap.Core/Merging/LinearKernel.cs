using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>
/// Weighted sums of operands. Products and sums are float64 and rounded once. Fused multiply-add is not used, so that every machine gives
/// the same bits.
/// </summary>
internal static class LinearKernel
{
    /// <summary>The start of a sum: adding to -0 keeps the sign of a zero term.</summary>
    private const double Empty = -0.0;

    /// <summary>
    /// <c>output[i] = scale * sum over s of weights[s] * source[s][i]</c>. The scale is applied last, so that cancelling terms give exactly
    /// zero.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Sum<T>(ReadOnlySpan<double> weights, double scale, in OperandBlock<T> block)
        where T : unmanaged
    {
        ref T source = ref block.FirstSource;
        ref T to = ref MemoryMarshal.GetReference(block.Output);
        int length = block.Length, stride = block.Stride, i = 0;
        Vector512<double> scales = Vector512.Create(scale);
        // Two sources are the common case: their weights stay in registers.
        Vector512<double> first = Vector512.Create(weights.Length > 0 ? weights[0] : 0);
        Vector512<double> second = Vector512.Create(weights.Length > 1 ? weights[1] : 0);
        for (; i <= length - Vector512<float>.Count && weights.Length > 1; i += Vector512<float>.Count)
        {
            (Vector512<double> a, Vector512<double> b) = VectorWidening.Load16(ref source, i);
            (Vector512<double> c, Vector512<double> d) = VectorWidening.Load16(ref source, stride + i);
            Vector512<double> lower = (first * a) + (second * c), upper = (first * b) + (second * d);
            for (int s = 2; s < weights.Length; s++)
            {
                Vector512<double> weight = Vector512.Create(weights[s]);
                (a, b) = VectorWidening.Load16(ref source, (s * stride) + i);
                lower += weight * a;
                upper += weight * b;
            }

            VectorWidening.Store16(lower * scales, upper * scales, ref to, i);
        }

        for (; i < length; i++)
        {
            double sum = Empty;
            for (int s = 0; s < weights.Length; s++)
            {
                sum += weights[s] * VectorWidening.Load1(block[s][i]);
            }

            block.Output[i] = VectorWidening.Round<T>(sum * scale);
        }
    }

    /// <summary><c>output[i] = weights[0] * base[i] + sum over s of weights[s + 1] * source[s][i]</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SumWithBase<T>(ReadOnlySpan<double> weights, in OperandBlock<T> block)
        where T : unmanaged
    {
        ref T start = ref MemoryMarshal.GetReference(block.Base);
        ref T source = ref block.FirstSource;
        ref T to = ref MemoryMarshal.GetReference(block.Output);
        int length = block.Length, stride = block.Stride, i = 0;
        Vector512<double> baseWeight = Vector512.Create(weights[0]);
        for (; i <= length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            (Vector512<double> a, Vector512<double> b) = VectorWidening.Load16(ref start, i);
            Vector512<double> lower = baseWeight * a, upper = baseWeight * b;
            for (int s = 1; s < weights.Length; s++)
            {
                Vector512<double> weight = Vector512.Create(weights[s]);
                (a, b) = VectorWidening.Load16(ref source, ((s - 1) * stride) + i);
                lower += weight * a;
                upper += weight * b;
            }

            VectorWidening.Store16(lower, upper, ref to, i);
        }

        for (; i < length; i++)
        {
            double sum = weights[0] * VectorWidening.Load1(block.Base[i]);
            for (int s = 1; s < weights.Length; s++)
            {
                sum += weights[s] * VectorWidening.Load1(block[s - 1][i]);
            }

            block.Output[i] = VectorWidening.Round<T>(sum);
        }
    }

    /// <summary>
    /// <c>output[i] = (sum over s of weights[s] * source[s][i]) / divisor</c> in float64; multiplying by the reciprocal would round twice.
    /// </summary>
    public static void Quotient(ReadOnlySpan<double> weights, double divisor, in OperandBlock<double> block)
    {
        for (int i = 0; i < block.Length; i++)
        {
            double sum = Empty;
            for (int s = 0; s < weights.Length; s++)
            {
                sum += weights[s] * block[s][i];
            }

            block.Output[i] = sum / divisor;
        }
    }

    /// <summary><c>output[i] = base[i] + scale * sum over s of weights[s] * (source[s][i] - base[i])</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddDeltas<T>(ReadOnlySpan<double> weights, double scale, in OperandBlock<T> block)
        where T : unmanaged
    {
        ref T source = ref block.FirstSource;
        ref T start = ref MemoryMarshal.GetReference(block.Base);
        ref T to = ref MemoryMarshal.GetReference(block.Output);
        int length = block.Length, stride = block.Stride, i = 0;
        Vector512<double> scales = Vector512.Create(scale), first = Vector512.Create(weights.Length > 0 ? weights[0] : 0);
        for (; i <= length - Vector512<float>.Count && weights.Length > 0; i += Vector512<float>.Count)
        {
            (Vector512<double> x, Vector512<double> y) = VectorWidening.Load16(ref start, i);
            (Vector512<double> a, Vector512<double> b) = VectorWidening.Load16(ref source, i);
            Vector512<double> lower = first * (a - x), upper = first * (b - y);
            for (int s = 1; s < weights.Length; s++)
            {
                Vector512<double> weight = Vector512.Create(weights[s]);
                (a, b) = VectorWidening.Load16(ref source, (s * stride) + i);
                lower += weight * (a - x);
                upper += weight * (b - y);
            }

            VectorWidening.Store16(x + (scales * lower), y + (scales * upper), ref to, i);
        }

        for (; i < length; i++)
        {
            double x = VectorWidening.Load1(block.Base[i]), sum = Empty;
            for (int s = 0; s < weights.Length; s++)
            {
                sum += weights[s] * (VectorWidening.Load1(block[s][i]) - x);
            }

            block.Output[i] = VectorWidening.Round<T>(x + (scale * sum));
        }
    }
}
