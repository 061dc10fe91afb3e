using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using LayerSwap.Buffers;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>
/// Sign election (TIES, arXiv:2306.01708, section 3): for each element, the sign of the sum of all votes is elected, and the votes of that
/// sign are averaged. A vote is <c>factors[s] * delta[s]</c>. A sum of zero elects plus; votes of zero never agree; NaN stays NaN.
/// </summary>
/// <remarks>
/// <c>output = base + scale * (sum of multipliers[s] * vote[s]) * (1 / divisor)</c> over the agreeing votes; the divisor is the sum of
/// their weights, unless that is below the least.
/// </remarks>
internal sealed class SignElection
{
    /// <summary>The start of a sum: adding to -0 keeps a base of -0 if no vote agrees.</summary>
    private const double Empty = -0.0;

    private readonly double[] _factors, _multipliers, _weights;
    private readonly double _leastWeight, _smallDivisor, _scale;

    private SignElection(double[] factors, double[] multipliers, double[] weights, (double Least, double Divisor) small, double scale)
    {
        (_factors, _multipliers, _weights, _scale) = (factors, multipliers, weights, scale);
        (_leastWeight, _smallDivisor) = small;
    }

    /// <summary>Creates the election of TIES.</summary>
    /// <param name="factors">The factor of each source's delta.</param>
    /// <param name="weights">The weight of each source in the divisor.</param>
    /// <param name="normalize">Whether to divide by the sum of the weights of the agreeing votes, unless it is nearly zero.</param>
    /// <param name="scale">The factor of the result, lambda.</param>
    public static SignElection OfTies(double[] factors, double[] weights, bool normalize, double scale)
    {
        const double NearlyZero = 1e-8;
        return new(factors, [.. factors.Select(_ => 1.0)], weights, (normalize ? NearlyZero : double.PositiveInfinity, 1), scale);
    }

    /// <summary>Creates the election of SCE: the unweighted sum elects, and the agreeing deltas are averaged by weight.</summary>
    /// <param name="weights">The weight of each source, 0 or more.</param>
    /// <param name="least">The minimum divisor.</param>
    public static SignElection OfSce(double[] weights, double least) =>
        new([.. weights.Select(_ => 1.0)], weights, weights, (least, least), 1);

    /// <summary>Adds the elected mean to the base.</summary>
    public void ApplyTo<T>(in MaskedDeltas<T> deltas, Span<T> output)
        where T : unmanaged
    {
        using PooledBuffer<double> votes = new(_factors.Length * Vector512<float>.Count);
        for (int i = Vectors(deltas, ref MemoryMarshal.GetReference(votes.Span), output); i < output.Length; i++)
        {
            output[i] = VectorWidening.Round<T>(VectorWidening.Load1(deltas.Base[i]) + (_scale * Elect(deltas, i)));
        }
    }

    /// <summary>Computes one element: the scalar definition.</summary>
    private double Elect<T>(in MaskedDeltas<T> deltas, int at)
        where T : unmanaged
    {
        double sum = 0, agreeing = Empty, weight = 0;
        for (int s = 0; s < _factors.Length; s++)
        {
            sum += _factors[s] * deltas.Load1(s, at);
        }

        double sign = double.IsNegative(sum) ? -1 : 1;
        for (int s = 0; s < _factors.Length; s++)
        {
            double vote = _factors[s] * deltas.Load1(s, at) * sign;
            agreeing += vote > 0 ? vote * _multipliers[s] : Empty;
            weight += vote > 0 ? _weights[s] : 0;
        }

        return double.IsNaN(sum) ? sum : sign * (agreeing * (1 / (Math.Abs(weight) >= _leastWeight ? weight : _smallDivisor)));
    }

    /// <summary>Computes whole vectors; returns the number of elements done.</summary>
    /// <param name="deltas">The masked deltas.</param>
    /// <param name="votes">A buffer: (sources, 16).</param>
    /// <param name="output">Receives the result.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Vectors<T>(in MaskedDeltas<T> deltas, ref double votes, Span<T> output)
        where T : unmanaged
    {
        ref T from = ref MemoryMarshal.GetReference(deltas.Base);
        ref T to = ref MemoryMarshal.GetReference(output);
        ref double factors = ref MemoryMarshal.GetArrayDataReference(_factors);
        ref double multipliers = ref MemoryMarshal.GetArrayDataReference(_multipliers);
        ref double weights = ref MemoryMarshal.GetArrayDataReference(_weights);
        Vector512<double> scales = Vector512.Create(_scale);
        int sources = _factors.Length, i = 0;
        for (; i <= output.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            (Vector512<double> x, Vector512<double> y) = VectorWidening.Load16(ref from, i);
            Vector512<double> lower = default, upper = default;
            for (int s = 0; s < sources; s++)
            {
                (Vector512<double> p, Vector512<double> q) = deltas.Load16(s, i, x, y);
                Vector512<double> factor = Vector512.Create(Unsafe.Add(ref factors, s));
                p *= factor;
                q *= factor;
                p.StoreUnsafe(ref votes, (nuint)(s * Vector512<float>.Count));
                q.StoreUnsafe(ref votes, (nuint)((s * Vector512<float>.Count) + Vector512<double>.Count));
                lower += p;
                upper += q;
            }

            lower = Elect(lower, ref votes, ref multipliers, ref weights, sources);
            upper = Elect(upper, ref Unsafe.Add(ref votes, Vector512<double>.Count), ref multipliers, ref weights, sources);
            VectorWidening.Store16(x + (scales * lower), y + (scales * upper), ref to, i);
        }

        return i;
    }

    /// <summary>Computes eight elements. If their sum is negative all votes are negated, so that agreeing votes are positive.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector512<double> Elect(Vector512<double> sum, ref double votes, ref double multipliers, ref double weights, int sources)
    {
        // Agreeing votes are positive; -0 for the others keeps an empty sum at -0.
        Vector512<double> sign = sum & Vector512.Create(-0.0), agreeing = Vector512.Create(Empty), weight = default;
        for (int s = 0; s < sources; s++)
        {
            Vector512<double> vote = Vector512.LoadUnsafe(ref votes, (nuint)(s * Vector512<float>.Count)) ^ sign;
            Vector512<double> agrees = Vector512.GreaterThan(vote, default);
            agreeing += Vector512.ConditionalSelect(
                agrees, vote * Vector512.Create(Unsafe.Add(ref multipliers, s)), Vector512.Create(Empty));
            weight += Vector512.Create(Unsafe.Add(ref weights, s)) & agrees;
        }

        // Division is the slowest operation; skip it without normalisation.
        if (!double.IsInfinity(_leastWeight))
        {
            Vector512<double> enough = Vector512.GreaterThanOrEqual(Vector512.Abs(weight), Vector512.Create(_leastWeight));
            agreeing *= Vector512<double>.One / Vector512.ConditionalSelect(enough, weight, Vector512.Create(_smallDivisor));
        }

        return Vector512.ConditionalSelect(Vector512.Equals(sum, sum), agreeing ^ sign, sum);
    }
}
