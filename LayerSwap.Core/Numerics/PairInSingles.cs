using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSwap.Numerics;

/// <summary>
/// <see cref="SignConsensus"/> of two sources, of BF16 as it lies, in singles: sixteen at a time instead of eight, and no conversions. What comes out is rounded to BF16, so that singles nearly
/// always tell for certain what doubles would give; where they do not, doubles are asked.
/// </summary>
/// <remarks>
/// With u = 2^-24: a change is within u of its size, multiplied by a factor that is a single within 3u, both summed up within 4u, and shared, scaled and added within 8u of the term, and u of
/// the result. Doubles give, rounded to a single, less than 2u of the result beside the true one. The bounds taken are four times as wide. Factors are moderate, 2^-16 at
/// least, so that the product of the smallest change there is, 2^-133, is still a single, and results as small as that are left to doubles.
/// </remarks>
internal readonly struct PairInSingles
{
    private const float Moderate = 1 << 16;

    /// <summary>The denominator of simple fractions.</summary>
    private const int Simple = 1 << 12;

    /// <summary>How far a result may be off, of the term and of itself, and what is too small to tell.</summary>
    private const float OfTerm = 1f / (1 << 19), OfResult = 1f / (1 << 21), Least = 1e-24f;

    /// <summary>A sum this much smaller than what it is of has a sign that is not certain.</summary>
    private const float Cancelled = 1f / (1 << 20);

    private const int BitsOfBFloat16 = 16;

    private readonly Vector512<float> _first, _second, _shares;

    /// <param name="first">The factor of the first source's changes.</param>
    /// <param name="second">That of the second's.</param>
    /// <param name="shares">What the sum is multiplied by, in the order of <see cref="Pairs.Table"/>.</param>
    public PairInSingles(double first, double second, Vector512<double> shares)
    {
        (_first, _second) = (Vector512.Create((float)first), Vector512.Create((float)second));
        _shares = Vector512.Narrow(shares, shares);
    }

    /// <summary>
    /// Whether singles are of use: where factors and shares are neither very small nor very large, and a term is no simple fraction of a change, such as a half. Changes have few bits, and so would
    /// have results: many would lie in the middle between two numbers, for doubles to decide.
    /// </summary>
    public static bool Suit(double first, double second, Vector512<double> shares)
    {
        double both = shares[0], one = shares[2], other = shares[1];
        return IsSupported && IsModerate(first) && IsModerate(second) && IsModerate(both) && IsModerate(one) && IsModerate(other)
            && !IsSimple(first * both) && !IsSimple(second * both) && !IsSimple(first * one) && !IsSimple(second * other);
    }

    private static bool IsSupported => Avx512BW.IsSupported;

    /// <summary>Thirty-two elements, unless one is not certain.</summary>
    /// <param name="origin">What was changed; finite.</param>
    /// <param name="first">What the first source made of it: the same where nothing is kept.</param>
    /// <param name="second">What the second did.</param>
    /// <param name="merged">Receives them; of no use where one is not certain.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryMerge(Vector512<ushort> origin, Vector512<ushort> first, Vector512<ushort> second, out Vector512<ushort> merged)
    {
        Vector512<uint> x = origin.AsUInt32(), y = first.AsUInt32(), z = second.AsUInt32(), odd = Vector512.Create(0xFFFF0000u);
        Vector512<uint> lower = Merge((x << BitsOfBFloat16).AsSingle(), (y << BitsOfBFloat16).AsSingle(), (z << BitsOfBFloat16).AsSingle(), out Vector512<uint> apart, out Vector512<float> sure);
        Vector512<uint> upper = Merge((x & odd).AsSingle(), (y & odd).AsSingle(), (z & odd).AsSingle(), out Vector512<uint> otherApart, out Vector512<float> otherSure);
        merged = ((lower >>> BitsOfBFloat16) | (upper & odd)).AsUInt16();
        return ((apart | otherApart) & odd) == Vector512<uint>.Zero && (sure & otherSure).AsUInt32() == Vector512<uint>.AllBitsSet;
    }

    private static bool IsModerate(double number) => Math.Abs(number) is >= 1 / Moderate and <= Moderate;

    private static bool IsSimple(double number) => !double.IsInteger(number) && double.IsInteger(number * Simple);

    /// <summary>Sixteen of them, in the upper halves.</summary>
    /// <param name="x">What was changed.</param>
    /// <param name="y">What the first source made of it.</param>
    /// <param name="z">What the second did.</param>
    /// <param name="apart">In the upper halves zero where the least that might come out is rounded to what the most is.</param>
    /// <param name="sure">Where the sign of the sum is certain.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector512<uint> Merge(Vector512<float> x, Vector512<float> y, Vector512<float> z, out Vector512<uint> apart, out Vector512<float> sure)
    {
        Vector512<float> first = (y - x) * _first, second = (z - x) * _second, none = Vector512.Create((float)IConsensus.NoTerm);
        Vector512<float> sum = first + second, sign = sum & Vector512.Create(-0f);

        // As in doubles: this maximum is the second where numbers are equal, as zeros are.
        (first, second) = (Avx512F.Max(first ^ sign, none), Avx512F.Max(second ^ sign, none));
        Vector512<float> mixed = first + second;
        sure = Vector512.GreaterThanOrEqual(sum ^ sign, mixed * Vector512.Create(Cancelled));

        Vector512<int> subset = ((second.AsUInt32() >>> 30 & Vector512.Create(2u)) | (first.AsUInt32() >>> 31)).AsInt32();
        Vector512<float> term = (mixed * Avx512F.PermuteVar16x32(_shares, subset)) ^ sign, result = x + term;
        Vector512<float> off = Vector512.FusedMultiplyAdd(Vector512.Abs(result), Vector512.Create(OfResult), Vector512.Create(Least));
        off = Vector512.FusedMultiplyAdd(Vector512.Abs(term), Vector512.Create(OfTerm), off);

        // None of these lies in the middle between two, where rounding would have to look further.
        Vector512<uint> half = Vector512.Create(1u << (BitsOfBFloat16 - 1)), least = (result - off).AsUInt32() + half, most = (result + off).AsUInt32() + half;
        apart = least ^ most;
        return most;
    }
}
