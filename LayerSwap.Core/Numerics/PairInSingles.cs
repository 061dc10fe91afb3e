using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSwap.Numerics;

/// <summary>
/// What two sources agree on, or what they sum up to, of BF16 as it lies, in singles: sixteen at a time instead of eight, and no conversions. Where they must agree, the sign of the sum of both
/// changes, each multiplied by its vote, says which count; of what counts, multiplied by vote and weight, a share is taken. What comes out is rounded to BF16, so that singles nearly always tell for
/// certain what doubles would give: by bounds of their error, or since nothing is rounded where changes are only added up and multiplied by powers of two. Where they do not, doubles are asked.
/// </summary>
/// <remarks>
/// The bounds, with u = 2^-24: a change is within u of its size, multiplied by a vote that is a single within 3u, both summed up with a weight that is one within 5u, and shared and added within
/// 8u of the term, and u of the result. A plain sum is within 4u of the magnitudes of both products, and u of the result. Doubles give, rounded to a single, less than 2u of the result beside the
/// true one. What is taken is more than twice as wide. Factors are moderate, 2^-16 to 2^16, so that neither products of singles nor those of doubles vanish or overflow in between; results that are very
/// small or very large are left to doubles.
/// </remarks>
internal sealed class PairInSingles
{
    private const float Moderate = 1 << 16;

    /// <summary>How far a result may be off, of the term and of itself, and what is too small to tell.</summary>
    private const float OfTerm = 1f / (1 << 19), OfResult = 1f / (1 << 21), Least = 1e-24f;

    /// <summary>Beyond this, what is added may be infinite twice, of either sign, which is no number whatever the bounds.</summary>
    private const float Large = 1e36f;

    /// <summary>A sum this much smaller than what it is of has a sign that is not certain.</summary>
    private const float Cancelled = 1f / (1 << 20);

    /// <summary>How far exponents may be apart for singles to hold the sum of an element and two changes: 24 bits, less the eight of an element and three for carries.</summary>
    private const int MostApart = 24 - 8 - 3;

    /// <summary>Where they must agree, the second source's vote and weight, of the first's, and the shares with the first's vote and weight in them, in the order of <see cref="Pairs.Table"/>.</summary>
    private readonly Vector512<float> _vote, _weight, _shares;

    /// <summary>Where all changes count, what they are multiplied by; see <see cref="_all"/>.</summary>
    private readonly Vector512<float> _first, _second;

    /// <summary>Whether all changes count, of either sign.</summary>
    private readonly bool _all;

    /// <summary>Whether numbers must lie near: where votes are equal, since the sum of changes is exact then, and so is its sign; of a plain sum, where nothing is to be rounded.</summary>
    private readonly bool _near;

    /// <summary>Whether all factors are powers of two: of numbers that lie near nothing is rounded.</summary>
    private readonly bool _exact;

    /// <summary>How far exponents may be apart to be near.</summary>
    private readonly int _apart;

    private PairInSingles(double vote, double weight, Vector512<double> shares, (int Apart, bool Exact) near)
    {
        (_vote, _weight, _shares) = (Vector512.Create((float)vote), Vector512.Create((float)weight), Vector512.Narrow(shares, shares));
        (_near, _apart, _exact) = (vote == 1, near.Apart, near.Exact);
    }

    private PairInSingles(double first, double second, (int Apart, bool Exact) near)
    {
        (_first, _second, _all) = (Vector512.Create((float)first), Vector512.Create((float)second), true);
        (_near, _apart, _exact) = (near.Exact, near.Apart, near.Exact);
    }

    private static bool IsSupported => Avx512BW.IsSupported;

    /// <summary>What they agree on. Null where singles are of no use: where factors are very small, very large or negative.</summary>
    /// <param name="votes">Those of the first source and of the second.</param>
    /// <param name="weights">Those of both, which may differ only where votes do not.</param>
    /// <param name="shares">Those of subsets, in the order of <see cref="Subsets.Sums"/>.</param>
    /// <param name="scale">What all is multiplied by.</param>
    public static PairInSingles? Of((double First, double Second) votes, (double First, double Second) weights, Vector512<double> shares, double scale)
    {
        double first = votes.First * weights.First, second = votes.Second * weights.Second, vote = votes.Second / votes.First, weight = weights.Second / weights.First;
        // Each of them, not only their products: doubles may round in between, and be infinite.
        if (!IsSupported || !AreModerate([votes.First, votes.Second, weights.First, weights.Second, vote, weight, Math.Abs(scale)]))
        {
            return null;
        }

        bool exact = vote == 1 && weight == 1 && double.IsPow2(votes.First) && double.IsPow2(weights.First) && double.IsPow2(scale);
        shares *= scale;
        return Near([first * shares[3], second * shares[3], first * shares[1], second * shares[2]], exact) is { } near
            ? new PairInSingles(vote, weight, Pairs.Table(shares) * Vector512.Create(first), near) : null;
    }

    /// <summary>What they sum up to, multiplied and divided. Null where singles are of no use: where factors are very small or very large.</summary>
    public static PairInSingles? OfSum((double First, double Second) factors, double divisor, double scale)
    {
        if (!IsSupported || !AreModerate([Math.Abs(factors.First), Math.Abs(factors.Second), Math.Abs(divisor), Math.Abs(scale)]))
        {
            return null;
        }

        double first = factors.First / divisor * scale, second = factors.Second / divisor * scale;
        bool exact = double.IsPow2(factors.First) && double.IsPow2(factors.Second) && double.IsPow2(divisor) && double.IsPow2(scale);
        return Near([Math.Abs(first), Math.Abs(second)], exact) is { } near ? new PairInSingles(first, second, near) : null;
    }

    /// <summary>Thirty-two elements, unless one is not certain.</summary>
    /// <param name="origin">What was changed; finite.</param>
    /// <param name="first">What the first source made of it: the same where nothing is kept.</param>
    /// <param name="second">What the second did.</param>
    /// <param name="merged">Receives them; of no use where one is not certain.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryMerge(Vector512<ushort> origin, Vector512<ushort> first, Vector512<ushort> second, out Vector512<ushort> merged)
    {
        if (_near && !Magnitudes.Of(origin).With(Magnitudes.Of(first)).With(Magnitudes.Of(second)).LieWithin(_apart))
        {
            merged = default;
            return false;
        }

        (Vector512<float> x, Vector512<float> y) = Wide.Singles(origin);
        (Vector512<float> a, Vector512<float> b) = Wide.Singles(first);
        (Vector512<float> c, Vector512<float> d) = Wide.Singles(second);
        (Vector512<float> lower, Vector512<float> size, Vector512<int> unsure) = Merge(x, a, c);
        (Vector512<float> upper, Vector512<float> otherSize, Vector512<int> otherUnsure) = Merge(y, b, d);
        if (_exact)
        {
            merged = Wide.Narrow(Vector16.Round(lower), Vector16.Round(upper));
            return true;
        }

        // None of these lies in the middle between two, where rounding would have to look further.
        Vector512<float> off = Off(size, lower), otherOff = Off(otherSize, upper);
        merged = Wide.Narrow(Nearest(lower + off), Nearest(upper + otherOff));
        return merged == Wide.Narrow(Nearest(lower - off), Nearest(upper - otherOff)) && (_near || (unsure | otherUnsure) == Vector512<int>.Zero);
    }

    private static bool AreModerate(ReadOnlySpan<double> numbers)
    {
        bool all = true;
        foreach (double number in numbers)
        {
            all &= number is >= 1 / Moderate and <= Moderate;
        }

        return all;
    }

    /// <summary>How far exponents may be apart to be near, and whether nothing is rounded then; null where factors are not moderate.</summary>
    /// <param name="factors">What changes are multiplied by in the end, whichever count.</param>
    /// <param name="exact">Whether whatever else they are multiplied by is a power of two.</param>
    private static (int Apart, bool Exact)? Near(ReadOnlySpan<double> factors, bool exact)
    {
        if (!AreModerate(factors))
        {
            return null;
        }

        int larger = 0, smaller = 0;
        foreach (double factor in factors)
        {
            exact &= double.IsPow2(factor);
            (larger, smaller) = (Math.Max(larger, Math.ILogB(factor)), Math.Min(smaller, Math.ILogB(factor)));
        }

        exact &= larger - smaller < MostApart;
        return (exact ? MostApart - (larger - smaller) : MostApart, exact);
    }

    /// <summary>Sixteen of them: the results, the size of what was added, and where the result is not certain however near it is.</summary>
    /// <param name="x">What was changed.</param>
    /// <param name="y">What the first source made of it.</param>
    /// <param name="z">What the second did.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private (Vector512<float> Result, Vector512<float> Size, Vector512<int> Unsure) Merge(Vector512<float> x, Vector512<float> y, Vector512<float> z)
    {
        if (_all)
        {
            Vector512<float> p = (y - x) * _first, q = (z - x) * _second, sum = x + (p + q), size = Vector512.Abs(p) + Vector512.Abs(q);
            return (sum, size, Vector512.GreaterThan(size, Vector512.Create(Large)).AsInt32());
        }

        // Where numbers must lie near votes are equal.
        Vector512<float> first = y - x, second = _near ? z - x : (z - x) * _vote, none = Vector512.Create((float)IConsensus.NoTerm);
        Vector512<float> votes = first + second, sign = votes & Vector512.Create(-0f);

        // As in doubles: this maximum is the second where numbers are equal, as zeros are.
        (first, second) = (Avx512F.Max(first ^ sign, none), Avx512F.Max(second ^ sign, none));
        Vector512<float> mixed = Vector512.FusedMultiplyAdd(second, _weight, first);
        Vector512<int> subset = ((second.AsUInt32() >>> 30 & Vector512.Create(2u)) | (first.AsUInt32() >>> 31)).AsInt32();
        Vector512<float> term = mixed * Avx512F.PermuteVar16x32(_shares, subset), result = x + (term ^ sign);
        return (result, term, _near ? default : Vector512.LessThan(votes ^ sign, mixed * Vector512.Create(Cancelled)).AsInt32());
    }

    /// <summary>How far results may be off.</summary>
    /// <param name="size">Of what was added; none is negative.</param>
    /// <param name="result">The results.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Off(Vector512<float> size, Vector512<float> result) =>
        Vector512.FusedMultiplyAdd(size, Vector512.Create(OfTerm), Vector512.FusedMultiplyAdd(Vector512.Abs(result), Vector512.Create(OfResult), Vector512.Create(Least)));

    /// <summary>In the upper halves the bits of the nearest BF16 of numbers in no middle.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Nearest(Vector512<float> numbers) => numbers.AsUInt32() + Vector512.Create(1u << 15);
}
