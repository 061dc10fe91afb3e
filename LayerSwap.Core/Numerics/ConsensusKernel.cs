using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>How the changes of one element become one: made once for a tensor. Changes lie one source after another, each source's as long as the block.</summary>
internal interface IConsensus
{
    /// <summary>Negative zero: where nothing counts, nothing changes, a negative zero of the base neither.</summary>
    const double NoTerm = -0.0;

    /// <summary>Of eight elements.</summary>
    /// <param name="changes">The first source's change of the first element.</param>
    /// <param name="at">The place of the first element in the block.</param>
    /// <param name="length">The length of the block.</param>
    Vector512<double> Of(ref double changes, int at, int length);

    /// <summary>The scalar definition, of one element.</summary>
    double Of(ReadOnlySpan<double> changes, int at, int length);
}

/// <summary>Changes merged and added to where they came from, without a branch for an element: which sign wins is as good as random.</summary>
internal static class ConsensusKernel
{
    /// <summary><c>output[i] = origin[i] + factor * consensus(changes of i)</c>.</summary>
    public static void Onto<T, TRule>(in TRule rule, ReadOnlySpan<T> origin, double factor, ReadOnlySpan<double> changes, Span<T> output)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
        where TRule : struct, IConsensus
    {
        int done = typeof(T) == typeof(float) ? Vectors(rule, MemoryMarshal.Cast<T, float>(origin), factor, changes, MemoryMarshal.Cast<T, float>(output)) : 0;
        for (int i = done; i < output.Length; i++)
        {
            output[i] = T.CreateTruncating(double.CreateTruncating(origin[i]) + (factor * rule.Of(changes, i, output.Length)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Vectors<TRule>(TRule rule, ReadOnlySpan<float> origin, double factor, ReadOnlySpan<double> changes, Span<float> output)
        where TRule : struct, IConsensus
    {
        ref float from = ref MemoryMarshal.GetReference(origin);
        ref double change = ref MemoryMarshal.GetReference(changes);
        ref float to = ref MemoryMarshal.GetReference(output);
        Vector512<double> by = Vector512.Create(factor);
        int i = 0, length = output.Length;
        for (; i <= length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            (Vector512<double> x, Vector512<double> y) = Vector512.Widen(Vector512.LoadUnsafe(ref from, (nuint)i));
            Vector512<double> p = x + (by * rule.Of(ref change, i, length)), q = y + (by * rule.Of(ref change, i + Vector512<double>.Count, length));
            Vector512.Narrow(p, q).StoreUnsafe(ref to, (nuint)i);
        }

        return i;
    }
}

/// <summary>The sums of the weights of all subsets of few sources, in one vector: a look into it is quicker than a division for each element.</summary>
internal static class Subsets
{
    /// <summary>Whether all subsets of so many sources have room.</summary>
    public static bool Fit(int sources) => sources <= 3;

    /// <summary>The sum of each subset; the lowest bit of its place stands for the first source.</summary>
    public static Vector512<double> Sums(ReadOnlySpan<double> weights)
    {
        Span<double> sums = stackalloc double[Vector512<double>.Count];
        for (int subset = 0; subset < sums.Length; subset++)
        {
            sums[subset] = 0;
            for (int s = 0; s < weights.Length && Fit(weights.Length); s++)
            {
                sums[subset] += (subset >> s & 1) != 0 ? weights[s] : 0;
            }
        }

        return Vector512.Create<double>(sums);
    }
}

/// <summary>What two sources agree on: of positive numbers something counts, of what else there is nothing.</summary>
internal static class Pairs
{
    /// <summary>The sum of what counts; negative zero where nothing does.</summary>
    /// <param name="first">A number of the first source.</param>
    /// <param name="second">One of the second.</param>
    /// <param name="ofFirst">What counts where the first is positive.</param>
    /// <param name="ofSecond">What counts where the second is.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Agreeing(Vector512<double> first, Vector512<double> second, Vector512<double> ofFirst, Vector512<double> ofSecond) =>
        Vector512.ConditionalSelect(Vector512.GreaterThan(first, default), ofFirst, Vector512.Create(IConsensus.NoTerm))
        + Vector512.ConditionalSelect(Vector512.GreaterThan(second, default), ofSecond, Vector512.Create(IConsensus.NoTerm));

    /// <summary>Looks up, for those that count, what stands for their subset.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Shares(Vector512<double> first, Vector512<double> second, Vector512<double> subsets) =>
        Vector512.ShuffleNative(subsets, Vector512.ConditionalSelect(Vector512.GreaterThan(first, default).AsInt64(), Vector512.Create(1L), default)
            | Vector512.ConditionalSelect(Vector512.GreaterThan(second, default).AsInt64(), Vector512.Create(2L), default));
}

/// <summary>The weighted sum, divided.</summary>
/// <param name="factors">One for each source.</param>
/// <param name="divisor">What the sum is divided by.</param>
internal readonly struct SumConsensus(double[] factors, double divisor) : IConsensus
{
    private readonly double[] _factors = factors;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<double> Of(ref double changes, int at, int length)
    {
        Vector512<double> sum = default;
        for (int s = 0; s < _factors.Length; s++)
        {
            sum += Vector512.Create(_factors[s]) * Vector512.LoadUnsafe(ref changes, (nuint)((s * length) + at));
        }

        // Dividing by one changes nothing and takes longest of all.
        return divisor == 1 ? sum : sum / Vector512.Create(divisor);
    }

    public double Of(ReadOnlySpan<double> changes, int at, int length)
    {
        double sum = 0;
        for (int s = 0; s < _factors.Length; s++)
        {
            sum += _factors[s] * changes[(s * length) + at];
        }

        return sum / divisor;
    }
}

/// <summary>
/// The weighted sum of the entries whose sign is that of the whole sum, 0 counting as positive; divided by the sum of their weights where normalised and that is not nearly zero. Zeros
/// never count, a NaN stays one.
/// </summary>
/// <param name="factors">What each source's change is multiplied by.</param>
/// <param name="weights">What each counts for in the divisor.</param>
/// <param name="normalize">Whether there is a divisor.</param>
internal readonly struct SignConsensus(double[] factors, double[] weights, bool normalize) : IConsensus
{
    private const double NearlyZero = 1e-8;

    private readonly double[] _factors = factors, _weights = weights;
    private readonly Vector512<double> _shares = ShareOf(Subsets.Sums(weights));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<double> Of(ref double changes, int at, int length) => _factors.Length == 2 ? OfPair(ref changes, at, length) : OfAny(ref changes, at, length);

    /// <summary>Two sources, as most merges have: the same, without a loop.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector512<double> OfPair(ref double changes, int at, int length)
    {
        Vector512<double> first = Vector512.Create(_factors[0]) * Vector512.LoadUnsafe(ref changes, (nuint)at);
        Vector512<double> second = Vector512.Create(_factors[1]) * Vector512.LoadUnsafe(ref changes, (nuint)(length + at));
        Vector512<double> sum = Vector512<double>.Zero + first + second, sign = sum & Vector512.Create(-0.0);
        (first, second) = (first ^ sign, second ^ sign);
        Vector512<double> mixed = Pairs.Agreeing(first, second, first, second);
        mixed = normalize ? mixed * Pairs.Shares(first, second, _shares) : mixed;
        return Vector512.ConditionalSelect(Vector512.Equals(sum, sum), mixed ^ sign, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector512<double> OfAny(ref double changes, int at, int length)
    {
        Vector512<double> sum = default, mixed = Vector512.Create(IConsensus.NoTerm), weight = default;
        Vector512<long> agreeing = default;
        bool tabled = Subsets.Fit(_factors.Length);
        for (int s = 0; s < _factors.Length; s++)
        {
            sum += Vector512.Create(_factors[s]) * Vector512.LoadUnsafe(ref changes, (nuint)((s * length) + at));
        }

        // Where the sum is negative everything is turned round, and what agrees is positive.
        Vector512<double> sign = sum & Vector512.Create(-0.0);
        for (int s = 0; s < _factors.Length; s++)
        {
            Vector512<double> part = (Vector512.Create(_factors[s]) * Vector512.LoadUnsafe(ref changes, (nuint)((s * length) + at))) ^ sign;
            Vector512<double> agrees = Vector512.GreaterThan(part, default);
            mixed += Vector512.ConditionalSelect(agrees, part, Vector512.Create(IConsensus.NoTerm));
            if (tabled)
            {
                agreeing |= agrees.AsInt64() & Vector512.Create(1L << s);
            }
            else
            {
                weight += Vector512.Create(_weights[s]) & agrees;
            }
        }

        if (normalize)
        {
            mixed *= tabled ? Vector512.ShuffleNative(_shares, agreeing)
                : ShareOf(weight);
        }

        return Vector512.ConditionalSelect(Vector512.Equals(sum, sum), mixed ^ sign, sum);
    }

    public double Of(ReadOnlySpan<double> changes, int at, int length)
    {
        double sum = 0, mixed = IConsensus.NoTerm, weight = 0;
        for (int s = 0; s < _factors.Length; s++)
        {
            sum += _factors[s] * changes[(s * length) + at];
        }

        double sign = double.IsNegative(sum) ? -1 : 1;
        for (int s = 0; s < _factors.Length; s++)
        {
            double part = _factors[s] * changes[(s * length) + at] * sign;
            mixed += part > 0 ? part : IConsensus.NoTerm;
            weight += part > 0 ? _weights[s] : 0;
        }

        return double.IsNaN(sum) ? sum : sign * (normalize ? mixed * ShareOf(weight) : mixed);
    }

    private static Vector512<double> ShareOf(Vector512<double> weight) =>
        Vector512<double>.One / Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(Vector512.Abs(weight), Vector512.Create(NearlyZero)), weight, Vector512<double>.One);

    private static double ShareOf(double weight) => Math.Abs(weight) >= NearlyZero ? 1 / weight : 1;
}

/// <summary>
/// Changes of the sign that most of them sum to, 0 counting as positive, averaged by weight: divided by the sum of the weights of those, or by <paramref name="least"/> where that is
/// more. Zeros never count, a NaN stays one.
/// </summary>
/// <param name="weights">One for each source.</param>
/// <param name="least">The smallest divisor.</param>
internal readonly struct ElectedConsensus(double[] weights, double least) : IConsensus
{
    private readonly double[] _weights = weights;
    private readonly Vector512<double> _shares = ShareOf(Subsets.Sums(weights), least);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<double> Of(ref double changes, int at, int length) => _weights.Length == 2 ? OfPair(ref changes, at, length) : OfAny(ref changes, at, length);

    /// <summary>Two sources, as most merges have: the same, without a loop.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector512<double> OfPair(ref double changes, int at, int length)
    {
        Vector512<double> first = Vector512.LoadUnsafe(ref changes, (nuint)at), second = Vector512.LoadUnsafe(ref changes, (nuint)(length + at));
        Vector512<double> sum = Vector512<double>.Zero + first + second, sign = sum & Vector512.Create(-0.0);
        (first, second) = (first ^ sign, second ^ sign);
        Vector512<double> mixed = Pairs.Agreeing(first, second, first * Vector512.Create(_weights[0]), second * Vector512.Create(_weights[1]));
        return Vector512.ConditionalSelect(Vector512.Equals(sum, sum), (mixed * Pairs.Shares(first, second, _shares)) ^ sign, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector512<double> OfAny(ref double changes, int at, int length)
    {
        Vector512<double> sum = default, mixed = Vector512.Create(IConsensus.NoTerm), weight = default;
        Vector512<long> agreeing = default;
        bool tabled = Subsets.Fit(_weights.Length);
        for (int s = 0; s < _weights.Length; s++)
        {
            sum += Vector512.LoadUnsafe(ref changes, (nuint)((s * length) + at));
        }

        Vector512<double> sign = sum & Vector512.Create(-0.0);
        for (int s = 0; s < _weights.Length; s++)
        {
            Vector512<double> part = Vector512.LoadUnsafe(ref changes, (nuint)((s * length) + at)) ^ sign, own = Vector512.Create(_weights[s]);
            Vector512<double> agrees = Vector512.GreaterThan(part, default);
            mixed += Vector512.ConditionalSelect(agrees, part * own, Vector512.Create(IConsensus.NoTerm));
            if (tabled)
            {
                agreeing |= agrees.AsInt64() & Vector512.Create(1L << s);
            }
            else
            {
                weight += own & agrees;
            }
        }

        Vector512<double> share = tabled ? Vector512.ShuffleNative(_shares, agreeing) : ShareOf(weight, least);
        return Vector512.ConditionalSelect(Vector512.Equals(sum, sum), (mixed * share) ^ sign, sum);
    }

    public double Of(ReadOnlySpan<double> changes, int at, int length)
    {
        double sum = 0, mixed = IConsensus.NoTerm, weight = 0;
        for (int s = 0; s < _weights.Length; s++)
        {
            sum += changes[(s * length) + at];
        }

        double sign = double.IsNegative(sum) ? -1 : 1;
        for (int s = 0; s < _weights.Length; s++)
        {
            double part = changes[(s * length) + at] * sign;
            mixed += part > 0 ? part * _weights[s] : IConsensus.NoTerm;
            weight += part > 0 ? _weights[s] : 0;
        }

        return double.IsNaN(sum) ? sum : sign * (mixed * (1 / Math.Max(weight, least)));
    }

    private static Vector512<double> ShareOf(Vector512<double> weight, double least) => Vector512<double>.One / Vector512.Max(weight, Vector512.Create(least));
}
