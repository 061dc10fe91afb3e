using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSwap.Numerics;

/// <summary>How the changes of one element become one: made once for a tensor.</summary>
internal interface IConsensus
{
    /// <summary>Negative zero: where nothing counts, nothing changes, a negative zero of the base neither.</summary>
    const double NoTerm = -0.0;

    /// <summary>Of eight elements, from a multiple of eight on, of which what was changed is known.</summary>
    Vector512<double> Eight<TChanges>(in TChanges changes, int at, Vector512<double> origin)
        where TChanges : struct, IChanges, allows ref struct;

    /// <summary>The scalar definition, of one element.</summary>
    double One<TChanges>(in TChanges changes, int at)
        where TChanges : struct, IChanges, allows ref struct;
}

/// <summary>Changes merged and added to where they came from, without a branch for an element: which sign wins is as good as random.</summary>
internal static class ConsensusKernel
{
    /// <summary><c>output[i] = origin[i] + factor * consensus(changes of i)</c>.</summary>
    public static void Onto<T, TRule, TChanges>(in TRule rule, ReadOnlySpan<T> origin, double factor, in TChanges changes, Span<T> output)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
        where TRule : struct, IConsensus
        where TChanges : struct, IChanges, allows ref struct
    {
        int done = typeof(T) == typeof(float) ? Vectors(rule, MemoryMarshal.Cast<T, float>(origin), factor, changes, MemoryMarshal.Cast<T, float>(output)) : 0;
        for (int i = done; i < output.Length; i++)
        {
            output[i] = T.CreateTruncating(double.CreateTruncating(origin[i]) + (factor * rule.One(changes, i)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Vectors<TRule, TChanges>(TRule rule, ReadOnlySpan<float> origin, double factor, TChanges changes, Span<float> output)
        where TRule : struct, IConsensus
        where TChanges : struct, IChanges, allows ref struct
    {
        ref float from = ref MemoryMarshal.GetReference(origin);
        ref float to = ref MemoryMarshal.GetReference(output);
        Vector512<double> by = Vector512.Create(factor);
        int i = 0, length = output.Length;
        for (; i <= length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            Vector512<double> x = Wide.Eight(ref Unsafe.Add(ref from, i)), y = Wide.Eight(ref Unsafe.Add(ref from, i + Vector512<double>.Count));
            Vector512<double> p = x + (by * rule.Eight(changes, i, x)), q = y + (by * rule.Eight(changes, i + Vector512<double>.Count, y));
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

/// <summary>What two sources agree on: positive numbers count, of what else there is nothing.</summary>
internal static class Pairs
{
    /// <summary>What counts: positive numbers; negative zero for all others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Counting(Vector512<double> numbers)
    {
        Vector512<double> none = Vector512.Create(IConsensus.NoTerm);
        // This maximum is the second where numbers are equal, as zeros are, or one is none.
        return Avx512F.IsSupported ? Avx512F.Max(numbers, none) : Vector512.ConditionalSelect(Vector512.GreaterThan(numbers, default), numbers, none);
    }

    /// <summary>Looks up what stands for those that count.</summary>
    /// <param name="first">What counts of the first source's.</param>
    /// <param name="second">What counts of the second's.</param>
    /// <param name="table">From <see cref="Table"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Shares(Vector512<double> first, Vector512<double> second, Vector512<double> table) =>
        Vector512.ShuffleNative(table, ((second.AsUInt64() >>> 62 & Vector512.Create(2UL)) | (first.AsUInt64() >>> 63)).AsInt64());

    /// <summary>What stands for subsets in the order of the signs of what counts: none is negative.</summary>
    public static Vector512<double> Table(Vector512<double> subsets) => Vector512.Shuffle(subsets, Vector512.Create(3L, 2, 1, 0, 3, 2, 1, 0));
}

/// <summary>The weighted sum, divided.</summary>
/// <param name="factors">One for each source.</param>
/// <param name="divisor">What the sum is divided by.</param>
internal readonly struct SumConsensus(double[] factors, double divisor) : IConsensus
{
    private readonly double[] _factors = factors;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<double> Eight<TChanges>(in TChanges changes, int at, Vector512<double> origin)
        where TChanges : struct, IChanges, allows ref struct
    {
        Vector512<double> sum = default;
        for (int s = 0; s < _factors.Length; s++)
        {
            sum += Vector512.Create(_factors[s]) * changes.Eight(s, at, origin);
        }

        // Dividing by one changes nothing and takes longest of all.
        return divisor == 1 ? sum : sum / Vector512.Create(divisor);
    }

    public double One<TChanges>(in TChanges changes, int at)
        where TChanges : struct, IChanges, allows ref struct
    {
        double sum = 0;
        for (int s = 0; s < _factors.Length; s++)
        {
            sum += _factors[s] * changes.One(s, at);
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
    private readonly Vector512<double> _shares = ShareOf(Subsets.Sums(weights)), _pairs = Pairs.Table(ShareOf(Subsets.Sums(weights)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<double> Eight<TChanges>(in TChanges changes, int at, Vector512<double> origin)
        where TChanges : struct, IChanges, allows ref struct => _factors.Length == 2 ? OfPair(changes, at, origin) : OfAny(changes, at, origin);

    /// <summary>Two sources, as most merges have: the same, without a loop.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector512<double> OfPair<TChanges>(in TChanges changes, int at, Vector512<double> origin)
        where TChanges : struct, IChanges, allows ref struct
    {
        Vector512<double> first = Vector512.Create(_factors[0]) * changes.Eight(0, at, origin);
        Vector512<double> second = Vector512.Create(_factors[1]) * changes.Eight(1, at, origin);
        Vector512<double> sum = Vector512<double>.Zero + first + second, sign = sum & Vector512.Create(-0.0);
        (first, second) = (Pairs.Counting(first ^ sign), Pairs.Counting(second ^ sign));
        Vector512<double> mixed = normalize ? (first + second) * Pairs.Shares(first, second, _pairs) : first + second;
        return Vector512.ConditionalSelect(Vector512.Equals(sum, sum), mixed ^ sign, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector512<double> OfAny<TChanges>(in TChanges changes, int at, Vector512<double> origin)
        where TChanges : struct, IChanges, allows ref struct
    {
        Vector512<double> sum = default, mixed = Vector512.Create(IConsensus.NoTerm), weight = default;
        Vector512<long> agreeing = default;
        bool tabled = Subsets.Fit(_factors.Length);
        for (int s = 0; s < _factors.Length; s++)
        {
            sum += Vector512.Create(_factors[s]) * changes.Eight(s, at, origin);
        }

        // Where the sum is negative everything is turned round, and what agrees is positive.
        Vector512<double> sign = sum & Vector512.Create(-0.0);
        for (int s = 0; s < _factors.Length; s++)
        {
            Vector512<double> part = (Vector512.Create(_factors[s]) * changes.Eight(s, at, origin)) ^ sign;
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

    public double One<TChanges>(in TChanges changes, int at)
        where TChanges : struct, IChanges, allows ref struct
    {
        double sum = 0, mixed = IConsensus.NoTerm, weight = 0;
        for (int s = 0; s < _factors.Length; s++)
        {
            sum += _factors[s] * changes.One(s, at);
        }

        double sign = double.IsNegative(sum) ? -1 : 1;
        for (int s = 0; s < _factors.Length; s++)
        {
            double part = _factors[s] * changes.One(s, at) * sign;
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
    private readonly Vector512<double> _shares = ShareOf(Subsets.Sums(weights), least), _pairs = Pairs.Table(ShareOf(Subsets.Sums(weights), least));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<double> Eight<TChanges>(in TChanges changes, int at, Vector512<double> origin)
        where TChanges : struct, IChanges, allows ref struct => _weights.Length == 2 ? OfPair(changes, at, origin) : OfAny(changes, at, origin);

    /// <summary>Two sources, as most merges have: the same, without a loop.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector512<double> OfPair<TChanges>(in TChanges changes, int at, Vector512<double> origin)
        where TChanges : struct, IChanges, allows ref struct
    {
        Vector512<double> first = changes.Eight(0, at, origin), second = changes.Eight(1, at, origin);
        Vector512<double> sum = Vector512<double>.Zero + first + second, sign = sum & Vector512.Create(-0.0);
        (first, second) = (Pairs.Counting(first ^ sign), Pairs.Counting(second ^ sign));
        Vector512<double> mixed = ((first * Vector512.Create(_weights[0])) + (second * Vector512.Create(_weights[1]))) * Pairs.Shares(first, second, _pairs);
        return Vector512.ConditionalSelect(Vector512.Equals(sum, sum), mixed ^ sign, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector512<double> OfAny<TChanges>(in TChanges changes, int at, Vector512<double> origin)
        where TChanges : struct, IChanges, allows ref struct
    {
        Vector512<double> sum = default, mixed = Vector512.Create(IConsensus.NoTerm), weight = default;
        Vector512<long> agreeing = default;
        bool tabled = Subsets.Fit(_weights.Length);
        for (int s = 0; s < _weights.Length; s++)
        {
            sum += changes.Eight(s, at, origin);
        }

        Vector512<double> sign = sum & Vector512.Create(-0.0);
        for (int s = 0; s < _weights.Length; s++)
        {
            Vector512<double> part = changes.Eight(s, at, origin) ^ sign, own = Vector512.Create(_weights[s]);
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

    public double One<TChanges>(in TChanges changes, int at)
        where TChanges : struct, IChanges, allows ref struct
    {
        double sum = 0, mixed = IConsensus.NoTerm, weight = 0;
        for (int s = 0; s < _weights.Length; s++)
        {
            sum += changes.One(s, at);
        }

        double sign = double.IsNegative(sum) ? -1 : 1;
        for (int s = 0; s < _weights.Length; s++)
        {
            double part = changes.One(s, at) * sign;
            mixed += part > 0 ? part * _weights[s] : IConsensus.NoTerm;
            weight += part > 0 ? _weights[s] : 0;
        }

        return double.IsNaN(sum) ? sum : sign * (mixed * (1 / Math.Max(weight, least)));
    }

    private static Vector512<double> ShareOf(Vector512<double> weight, double least) => Vector512<double>.One / Vector512.Max(weight, Vector512.Create(least));
}
