using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>Weighted changes merged by sum or by sign consensus, without a branch for an element: which sign wins is as good as random.</summary>
internal static class ConsensusKernel
{
    private const double NearlyZero = 1e-8;

    /// <summary><c>merged[i] = sum over s of factors[s] * changes[s][i]</c>, divided by <paramref name="divisor"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Sum(ReadOnlySpan<double> factors, double divisor, ReadOnlySpan<double> changes, Span<double> merged)
    {
        ref double from = ref MemoryMarshal.GetReference(changes);
        ref double to = ref MemoryMarshal.GetReference(merged);
        int length = merged.Length, i = 0;
        for (; i <= length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            Vector512<double> sum = default;
            for (int s = 0; s < factors.Length; s++)
            {
                sum += Vector512.Create(factors[s]) * Vector512.LoadUnsafe(ref from, (nuint)((s * length) + i));
            }

            (sum / Vector512.Create(divisor)).StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < length; i++)
        {
            double sum = 0;
            for (int s = 0; s < factors.Length; s++)
            {
                sum += factors[s] * changes[(s * length) + i];
            }

            merged[i] = sum / divisor;
        }
    }

    /// <summary>The same of the entries whose sign is that of the whole sum, 0 counting as positive; divided by the sum of their weights where normalised. Zeros never count, a NaN stays one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Signs(ReadOnlySpan<double> factors, ReadOnlySpan<double> weights, bool normalize, ReadOnlySpan<double> changes, Span<double> merged)
    {
        ref double from = ref MemoryMarshal.GetReference(changes);
        ref double to = ref MemoryMarshal.GetReference(merged);
        int length = merged.Length, i = 0;
        for (; i <= length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            Vector512<double> sum = default, mixed = default, weight = default;
            for (int s = 0; s < factors.Length; s++)
            {
                sum += Vector512.Create(factors[s]) * Vector512.LoadUnsafe(ref from, (nuint)((s * length) + i));
            }

            Vector512<double> negative = Vector512.LessThan(sum, default);
            for (int s = 0; s < factors.Length; s++)
            {
                Vector512<double> part = Vector512.Create(factors[s]) * Vector512.LoadUnsafe(ref from, (nuint)((s * length) + i));
                Vector512<double> agrees = Vector512.ConditionalSelect(negative, Vector512.LessThan(part, default), Vector512.GreaterThan(part, default));
                mixed += part & agrees;
                weight += Vector512.Create(weights[s]) & agrees;
            }

            Vector512<double> divisor = normalize
                ? Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(Vector512.Abs(weight), Vector512.Create(NearlyZero)), weight, Vector512<double>.One)
                : Vector512<double>.One;
            Vector512.ConditionalSelect(Vector512.Equals(sum, sum), mixed / divisor, sum).StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < length; i++)
        {
            merged[i] = SignsOf(factors, weights, normalize, changes, i, length);
        }
    }

    /// <summary>
    /// Changes of the sign that most of them sum to, 0 counting as positive, averaged by weight: <c>sum of weights[s] * changes[s][i]</c> over those, divided by the sum of their weights,
    /// or by <paramref name="least"/> where that is more. Zeros never count, a NaN stays one.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Elected(ReadOnlySpan<double> weights, double least, ReadOnlySpan<double> changes, Span<double> merged)
    {
        ref double from = ref MemoryMarshal.GetReference(changes);
        ref double to = ref MemoryMarshal.GetReference(merged);
        int length = merged.Length, i = 0;
        for (; i <= length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            Vector512<double> sum = default, mixed = Vector512.Create(-0.0), weight = default;
            for (int s = 0; s < weights.Length; s++)
            {
                sum += Vector512.LoadUnsafe(ref from, (nuint)((s * length) + i));
            }

            Vector512<double> negative = Vector512.LessThan(sum, default);
            for (int s = 0; s < weights.Length; s++)
            {
                Vector512<double> part = Vector512.LoadUnsafe(ref from, (nuint)((s * length) + i)), own = Vector512.Create(weights[s]);
                Vector512<double> agrees = Vector512.ConditionalSelect(negative, Vector512.LessThan(part, default), Vector512.GreaterThan(part, default));
                mixed += Vector512.ConditionalSelect(agrees, part * own, Vector512.Create(-0.0));
                weight += own & agrees;
            }

            Vector512<double> divisor = Vector512.Max(weight, Vector512.Create(least));
            Vector512.ConditionalSelect(Vector512.Equals(sum, sum), mixed / divisor, sum).StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < length; i++)
        {
            merged[i] = ElectedOf(weights, least, changes, i, length);
        }
    }

    /// <summary>The scalar definition of one element.</summary>
    public static double ElectedOf(ReadOnlySpan<double> weights, double least, ReadOnlySpan<double> changes, int i, int length)
    {
        double sum = 0, mixed = -0.0, weight = 0;
        for (int s = 0; s < weights.Length; s++)
        {
            sum += changes[(s * length) + i];
        }

        for (int s = 0; s < weights.Length; s++)
        {
            double part = changes[(s * length) + i];
            bool agrees = sum < 0 ? part < 0 : part > 0;
            mixed += agrees ? part * weights[s] : -0.0;
            weight += agrees ? weights[s] : 0;
        }

        return double.IsNaN(sum) ? sum : mixed / Math.Max(weight, least);
    }

    /// <summary><c>output[i] = origin[i] + factor * merged[i]</c>.</summary>
    public static void Add<T>(ReadOnlySpan<T> origin, double factor, ReadOnlySpan<double> merged, Span<T> output)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        int done = typeof(T) == typeof(float) ? Add(MemoryMarshal.Cast<T, float>(origin), factor, merged, MemoryMarshal.Cast<T, float>(output)) : 0;
        for (int i = done; i < merged.Length; i++)
        {
            output[i] = T.CreateTruncating(double.CreateTruncating(origin[i]) + (factor * merged[i]));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Add(ReadOnlySpan<float> origin, double factor, ReadOnlySpan<double> merged, Span<float> output)
    {
        ref float from = ref MemoryMarshal.GetReference(origin);
        ref double added = ref MemoryMarshal.GetReference(merged);
        ref float to = ref MemoryMarshal.GetReference(output);
        Vector512<double> by = Vector512.Create(factor);
        int i = 0;
        for (; i <= merged.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            (Vector512<double> x, Vector512<double> y) = Vector512.Widen(Vector512.LoadUnsafe(ref from, (nuint)i));
            Vector512<double> p = x + (by * Vector512.LoadUnsafe(ref added, (nuint)i)), q = y + (by * Vector512.LoadUnsafe(ref added, (nuint)(i + Vector512<double>.Count)));
            Vector512.Narrow(p, q).StoreUnsafe(ref to, (nuint)i);
        }

        return i;
    }

    /// <summary>The scalar definition of one element of <see cref="Signs"/>.</summary>
    public static double SignsOf(ReadOnlySpan<double> factors, ReadOnlySpan<double> weights, bool normalize, ReadOnlySpan<double> changes, int i, int length)
    {
        double sum = 0, mixed = 0, weight = 0;
        for (int s = 0; s < factors.Length; s++)
        {
            sum += factors[s] * changes[(s * length) + i];
        }

        for (int s = 0; s < factors.Length; s++)
        {
            double part = factors[s] * changes[(s * length) + i];
            bool agrees = sum < 0 ? part < 0 : part > 0;
            mixed += agrees ? part : 0;
            weight += agrees ? weights[s] : 0;
        }

        return double.IsNaN(sum) ? sum : normalize && Math.Abs(weight) >= NearlyZero ? mixed / weight : mixed;
    }
}
