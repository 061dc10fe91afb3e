using System.Numerics;
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

    /// <summary>What the change is multiplied by before it is added.</summary>
    double Factor { get; }

    /// <summary>Of sixteen elements, in halves: see <see cref="IChanges.Sixteen"/>.</summary>
    (Vector512<double> Lower, Vector512<double> Upper) Sixteen<TChanges>(in TChanges changes, int at, Vector512<double> lower, Vector512<double> upper)
        where TChanges : struct, IChanges, allows ref struct;

    /// <summary>The scalar definition, of one element.</summary>
    double One<TChanges>(in TChanges changes, int at)
        where TChanges : struct, IChanges, allows ref struct;

    /// <summary>The same of two sources, multiplied, in singles; null where these are of no use.</summary>
    PairInSingles? InSingles { get; }
}

/// <summary>Changes merged and added to where they came from, without a branch for an element: which sign wins is as good as random.</summary>
internal static class ConsensusKernel
{
    /// <summary>Elements merged together in singles.</summary>
    private const int Together = 32;

    /// <summary><c>output[i] = origin[i] + rule.Factor * consensus(changes of i)</c>.</summary>
    public static void Onto<T, TRule, TChanges>(in TRule rule, ReadOnlySpan<T> origin, in TChanges changes, Span<T> output)
        where T : unmanaged
        where TRule : struct, IConsensus
        where TChanges : struct, IChanges, allows ref struct
    {
        int done = TChanges.AreOfBFloat16 && rule.InSingles is { } pair ? SinglesFirst(pair, rule, origin, changes, output) : 0;
        for (int i = Vectors(rule, origin, changes, output, done, output.Length); i < output.Length; i++)
        {
            output[i] = Wide.Narrow<T>(Wide.One(origin[i]) + (rule.Factor * rule.One(changes, i)));
        }
    }

    /// <summary>
    /// In singles what these tell for certain, the rest again in doubles: the output must lie apart from what is merged. Where much of what comes first is not certain, all is left to doubles: changes
    /// have few bits, so that by factors that are simple fractions or tenths many results lie in the middle between two numbers.
    /// </summary>
    /// <returns>How many are done.</returns>
    private static int SinglesFirst<T, TRule, TChanges>(PairInSingles pair, in TRule rule, ReadOnlySpan<T> origin, in TChanges changes, Span<T> output)
        where T : unmanaged
        where TRule : struct, IConsensus
        where TChanges : struct, IChanges, allows ref struct
    {
        // A bit of a mask for each vector.
        const int First = 8 * Together, Most = 64 * Together, MostUncertain = 3;
        int length = output.Length & -Together;
        for (int start = 0, end; start < length; start = end)
        {
            end = Math.Min(start + (start == 0 ? First : Most), length);
            ulong rest = TrySingles(pair, MemoryMarshal.Cast<T, ushort>(origin), changes, MemoryMarshal.Cast<T, ushort>(output), start, end);
            if (start == 0 && BitOperations.PopCount(rest) > MostUncertain)
            {
                return 0;
            }

            for (; rest != 0; rest &= rest - 1)
            {
                int at = start + (Together * BitOperations.TrailingZeroCount(rest));
                Vectors(rule, origin, changes, output, at, at + Together);
            }
        }

        return length;
    }

    /// <summary>In singles; a bit is set for each vector that is not certain. By itself, since beside a call nothing stays in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static ulong TrySingles<TChanges>(PairInSingles pair, ReadOnlySpan<ushort> origin, TChanges changes, Span<ushort> output, int start, int end)
        where TChanges : struct, IChanges, allows ref struct
    {
        ref ushort from = ref MemoryMarshal.GetReference(origin), to = ref MemoryMarshal.GetReference(output);
        ulong uncertain = 0, bit = 1;
        for (int i = start; i < end; i += Together, bit <<= 1)
        {
            uncertain |= pair.TryMerge(Vector512.LoadUnsafe(ref from, (nuint)i), changes.Became(0, i), changes.Became(1, i), out Vector512<ushort> merged) ? 0 : bit;
            merged.StoreUnsafe(ref to, (nuint)i);
        }

        return uncertain;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Vectors<T, TRule, TChanges>(TRule rule, ReadOnlySpan<T> origin, TChanges changes, Span<T> output, int start, int end)
        where T : unmanaged
        where TRule : struct, IConsensus
        where TChanges : struct, IChanges, allows ref struct
    {
        ref T from = ref MemoryMarshal.GetReference(origin);
        ref T to = ref MemoryMarshal.GetReference(output);
        int i = start;
        for (; i <= end - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            Sixteen(rule, ref from, changes, ref to, i);
        }

        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sixteen<T, TRule, TChanges>(in TRule rule, ref T from, in TChanges changes, ref T to, int at)
        where T : unmanaged
        where TRule : struct, IConsensus
        where TChanges : struct, IChanges, allows ref struct
    {
        Vector512<double> by = Vector512.Create(rule.Factor);
        (Vector512<double> x, Vector512<double> y) = Wide.Sixteen(ref from, at);
        (Vector512<double> p, Vector512<double> q) = rule.Sixteen(changes, at, x, y);
        Wide.Store(x + (rule.Factor == 1 ? p : by * p), y + (rule.Factor == 1 ? q : by * q), ref to, at);
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

/// <summary>What of eight elements has the sign of their sum, source by source: everything is turned round where that is negative, and what agrees is positive.</summary>
/// <param name="sum">The sums.</param>
/// <param name="sources">How many sources there are.</param>
internal struct AgreeingSources(Vector512<double> sum, int sources)
{
    private readonly Vector512<double> _sign = sum & Vector512.Create(-0.0);
    private Vector512<double> _mixed = Vector512.Create(IConsensus.NoTerm);
    private Vector512<long> _subset;

    /// <summary>Whether these can be looked up: else their weight is to be divided by.</summary>
    public readonly bool AreTabled => Subsets.Fit(sources);

    /// <summary>The sum of their weights, unless they can be looked up.</summary>
    public Vector512<double> Weight { get; private set; }

    /// <summary>Adds a source's terms, multiplied, where they agree.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(int source, Vector512<double> terms, Vector512<double> by, double weight)
    {
        Vector512<double> part = terms ^ _sign, agrees = Vector512.GreaterThan(part, default);
        _mixed += Vector512.ConditionalSelect(agrees, part * by, Vector512.Create(IConsensus.NoTerm));
        if (AreTabled)
        {
            _subset |= agrees.AsInt64() & Vector512.Create(1L << source);
        }
        else
        {
            Weight += Vector512.Create(weight) & agrees;
        }
    }

    /// <summary>What stands for them in a table of all subsets.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Vector512<double> LookUp(Vector512<double> table) => Vector512.ShuffleNative(table, _subset);

    /// <summary>What they sum to, times their share; the sum of all where that is no number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Vector512<double> Or(Vector512<double> sum, Vector512<double> share) => Vector512.ConditionalSelect(Vector512.Equals(sum, sum), (_mixed * share) ^ _sign, sum);
}

/// <summary>The weighted sum, divided.</summary>
/// <param name="factors">One for each source.</param>
/// <param name="divisor">What the sum is divided by.</param>
/// <param name="factor">What the change is multiplied by before it is added.</param>
internal readonly struct SumConsensus(double[] factors, double divisor, double factor) : IConsensus
{
    private readonly double[] _factors = factors;

    public double Factor { get; } = factor;

    public PairInSingles? InSingles { get; } = factors is [var first, var second] ? PairInSingles.OfSum((first, second), divisor, factor) : null;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (Vector512<double> Lower, Vector512<double> Upper) Sixteen<TChanges>(in TChanges changes, int at, Vector512<double> lower, Vector512<double> upper)
        where TChanges : struct, IChanges, allows ref struct
    {
        Vector512<double> sum = default, other = default;
        for (int s = 0; s < _factors.Length; s++)
        {
            (Vector512<double> p, Vector512<double> q) = changes.Sixteen(s, at, lower, upper);
            sum += Vector512.Create(_factors[s]) * p;
            other += Vector512.Create(_factors[s]) * q;
        }

        // Dividing by one changes nothing and takes longest of all.
        return divisor == 1 ? (sum, other) : (sum / Vector512.Create(divisor), other / Vector512.Create(divisor));
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
/// <param name="factor">What the change is multiplied by before it is added.</param>
internal readonly struct SignConsensus(double[] factors, double[] weights, bool normalize, double factor) : IConsensus
{
    private const double NearlyZero = 1e-8;

    private readonly double[] _factors = factors, _weights = weights;
    private readonly Vector512<double> _shares = ShareOf(Subsets.Sums(weights)), _pairs = Pairs.Table(ShareOf(Subsets.Sums(weights)));

    public double Factor { get; } = factor;

    public PairInSingles? InSingles { get; } = factors is [var first, var second]
        ? PairInSingles.Of((first, second), (1, 1), normalize ? ShareOf(Subsets.Sums(weights)) : Vector512<double>.One, factor) : null;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (Vector512<double> Lower, Vector512<double> Upper) Sixteen<TChanges>(in TChanges changes, int at, Vector512<double> lower, Vector512<double> upper)
        where TChanges : struct, IChanges, allows ref struct
    {
        if (_factors.Length == 2)
        {
            // As most merges have: the same, without a loop.
            (Vector512<double> a, Vector512<double> b) = changes.Sixteen(0, at, lower, upper);
            (Vector512<double> c, Vector512<double> d) = changes.Sixteen(1, at, lower, upper);
            Vector512<double> first = Vector512.Create(_factors[0]), second = Vector512.Create(_factors[1]);
            return (OfPair(first * a, second * c), OfPair(first * b, second * d));
        }

        Vector512<double> sum = default, other = default;
        for (int s = 0; s < _factors.Length; s++)
        {
            (Vector512<double> p, Vector512<double> q) = changes.Sixteen(s, at, lower, upper);
            (sum, other) = (sum + (Vector512.Create(_factors[s]) * p), other + (Vector512.Create(_factors[s]) * q));
        }

        AgreeingSources agreeing = new(sum, _factors.Length), rest = new(other, _factors.Length);
        for (int s = 0; s < _factors.Length; s++)
        {
            (Vector512<double> p, Vector512<double> q) = changes.Sixteen(s, at, lower, upper);
            agreeing.Add(s, Vector512.Create(_factors[s]) * p, Vector512<double>.One, _weights[s]);
            rest.Add(s, Vector512.Create(_factors[s]) * q, Vector512<double>.One, _weights[s]);
        }

        return (Shared(agreeing, sum), Shared(rest, other));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector512<double> OfPair(Vector512<double> first, Vector512<double> second)
    {
        Vector512<double> sum = Vector512<double>.Zero + first + second, sign = sum & Vector512.Create(-0.0);
        (first, second) = (Pairs.Counting(first ^ sign), Pairs.Counting(second ^ sign));
        Vector512<double> mixed = normalize ? (first + second) * Pairs.Shares(first, second, _pairs) : first + second;
        return Vector512.ConditionalSelect(Vector512.Equals(sum, sum), mixed ^ sign, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector512<double> Shared(in AgreeingSources agreeing, Vector512<double> sum) =>
        agreeing.Or(sum, !normalize ? Vector512<double>.One : agreeing.AreTabled ? agreeing.LookUp(_shares) : ShareOf(agreeing.Weight));

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

    public double Factor => 1;

    public PairInSingles? InSingles { get; } = weights is [var first, var second] ? PairInSingles.Of((1, 1), (first, second), ShareOf(Subsets.Sums(weights), least), 1) : null;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (Vector512<double> Lower, Vector512<double> Upper) Sixteen<TChanges>(in TChanges changes, int at, Vector512<double> lower, Vector512<double> upper)
        where TChanges : struct, IChanges, allows ref struct
    {
        if (_weights.Length == 2)
        {
            // As most merges have: the same, without a loop.
            (Vector512<double> a, Vector512<double> b) = changes.Sixteen(0, at, lower, upper);
            (Vector512<double> c, Vector512<double> d) = changes.Sixteen(1, at, lower, upper);
            return (OfPair(a, c), OfPair(b, d));
        }

        Vector512<double> sum = default, other = default;
        for (int s = 0; s < _weights.Length; s++)
        {
            (Vector512<double> p, Vector512<double> q) = changes.Sixteen(s, at, lower, upper);
            (sum, other) = (sum + p, other + q);
        }

        AgreeingSources agreeing = new(sum, _weights.Length), rest = new(other, _weights.Length);
        for (int s = 0; s < _weights.Length; s++)
        {
            (Vector512<double> p, Vector512<double> q) = changes.Sixteen(s, at, lower, upper);
            agreeing.Add(s, p, Vector512.Create(_weights[s]), _weights[s]);
            rest.Add(s, q, Vector512.Create(_weights[s]), _weights[s]);
        }

        return (Shared(agreeing, sum), Shared(rest, other));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector512<double> OfPair(Vector512<double> first, Vector512<double> second)
    {
        Vector512<double> sum = Vector512<double>.Zero + first + second, sign = sum & Vector512.Create(-0.0);
        (first, second) = (Pairs.Counting(first ^ sign), Pairs.Counting(second ^ sign));
        Vector512<double> mixed = ((first * Vector512.Create(_weights[0])) + (second * Vector512.Create(_weights[1]))) * Pairs.Shares(first, second, _pairs);
        return Vector512.ConditionalSelect(Vector512.Equals(sum, sum), mixed ^ sign, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector512<double> Shared(in AgreeingSources agreeing, Vector512<double> sum) =>
        agreeing.Or(sum, agreeing.AreTabled ? agreeing.LookUp(_shares) : ShareOf(agreeing.Weight, least));

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
