using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>The weighted sum of masked deltas: <c>output = base + scale * (sum over s of factors[s] * delta[s]) / divisor</c>.</summary>
internal sealed class WeightedSum(double[] factors, double divisor, double scale)
{
    /// <summary>Adds the sum to the base.</summary>
    public void ApplyTo<T>(in MaskedDeltas<T> deltas, Span<T> output)
        where T : unmanaged
    {
        for (int i = Vectors(deltas, output); i < output.Length; i++)
        {
            double sum = 0;
            for (int s = 0; s < factors.Length; s++)
            {
                sum += factors[s] * deltas.Load1(s, i);
            }

            output[i] = VectorWidening.Round<T>(VectorWidening.Load1(deltas.Base[i]) + (scale * (sum / divisor)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Vectors<T>(in MaskedDeltas<T> deltas, Span<T> output)
        where T : unmanaged
    {
        ref T from = ref MemoryMarshal.GetReference(deltas.Base);
        ref T to = ref MemoryMarshal.GetReference(output);
        Vector512<double> divisors = Vector512.Create(divisor), scales = Vector512.Create(scale);
        ref double factor = ref MemoryMarshal.GetArrayDataReference(factors);
        bool divides = divisor != 1;
        int sources = factors.Length, i = 0;
        for (; i <= output.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            (Vector512<double> x, Vector512<double> y) = VectorWidening.Load16(ref from, i);
            Vector512<double> lower = default, upper = default;
            for (int s = 0; s < sources; s++)
            {
                (Vector512<double> p, Vector512<double> q) = deltas.Load16(s, i, x, y);
                Vector512<double> weight = Vector512.Create(Unsafe.Add(ref factor, s));
                lower += weight * p;
                upper += weight * q;
            }

            // Division is the slowest operation; skip it for a divisor of 1.
            if (divides)
            {
                lower /= divisors;
                upper /= divisors;
            }

            VectorWidening.Store16(x + (scales * lower), y + (scales * upper), ref to, i);
        }

        return i;
    }
}
