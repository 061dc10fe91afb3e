using System.Globalization;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using LayerSwap.Merging;
using LayerSwap.Numerics;
using LayerSwap.Streaming;

namespace LayerSwap.Tests.Numerics;

/// <summary>Vectors against the scalar definitions, at every length up to a few vectors.</summary>
public sealed class ConsensusKernelTests
{
    private readonly Random _random = new(11);

    [Fact]
    public void Every_rule_is_its_scalar_definition()
    {
        foreach (int sources in new[] { 1, 2, 3, 5 })
        {
            for (int length = 1; length < 70; length++)
            {
                double[] changes = Values(length * sources), factors = Values(sources), weights = [.. Enumerable.Range(0, sources).Select(_ => _random.NextDouble())];
                float[] origin = [.. Values(length).Select(v => _random.Next(5) == 0 ? -0f : (float)v)];
                changes[_random.Next(changes.Length)] = double.NaN;
                foreach (double factor in (double[])[0.3, 1])
                {
                    Matches(new SumConsensus(factors, 1, factor), origin, changes);
                    Matches(new SumConsensus(factors, 0.7, factor), origin, changes);
                    Matches(new SignConsensus(factors, weights, normalize: false, factor), origin, changes);
                    Matches(new SignConsensus(factors, weights, normalize: true, factor), origin, changes);
                    Matches(new SignConsensus(factors, new double[sources], normalize: true, factor), origin, changes);
                }

                Matches(new ElectedConsensus(weights, 1e-6), origin, changes);
            }
        }
    }

    [Fact]
    public void What_no_source_changes_keeps_its_zero_with_its_sign()
    {
        float[] origin = [.. Enumerable.Repeat(-0f, 20)], output = new float[20];
        // Of what nothing is kept changes are zeros of any sign, multiplied by factors of any.
        double[] changes = [.. Enumerable.Range(0, 40).Select(i => i % 3 == 0 ? -0.0 : 0)];
        foreach (double[] factors in (double[][])[[0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5]])
        {
            ConsensusKernel.Onto<float, SignConsensus, StoredChanges<float>>(new SignConsensus(factors, [1, 1], true, 1), origin, new(changes, 20), output);
            Assert.All(output, v => Assert.True(float.IsNegative(v)));
        }

        ConsensusKernel.Onto<float, ElectedConsensus, StoredChanges<float>>(new ElectedConsensus([0.5, 0.5], 1e-6), origin, new(changes, 20), output);
        Assert.All(output, v => Assert.True(float.IsNegative(v)));
    }

    /// <summary>Numbers of all sizes, changes that cancel, sums in the middle between two numbers of BF16 and next to it: singles decide only where they are right.</summary>
    [Fact]
    public void What_singles_tell_of_pairs_is_what_doubles_do()
    {
        double[] scales = [1, 1, 0.5, -1, 1e-3, 65536, 1 / 65536.0, 1e-30, 1e30];
        for (int round = 0; round < 400; round++)
        {
            double[] factors = [scales[_random.Next(scales.Length)] * Factor(), scales[_random.Next(scales.Length)] * Factor()], weights = [Factor(), _random.Next(4) == 0 ? -Factor() : Factor()];
            factors[1] = _random.Next(3) == 0 ? factors[0] : factors[1];
            int exponent = _random.Next(6) switch { 0 => 1 + _random.Next(250), 1 => _random.Next(4), _ => 120 };
            PairsAreMerged(exponent, 1 + _random.Next(30), 20, factors, weights, round % 2 == 0, _random.Next(2) == 0 ? 1 : scales[_random.Next(scales.Length)] * Factor());
        }

        AssertThatSinglesTell();

        // Powers of two often, so that sums have few bits and lie in the middle; and tenths, whose sums nearly cancel.
        double Factor() => _random.Next(4) switch { 0 or 1 => Math.ScaleB(1, _random.Next(-2, 3)), 2 => 0.1 * (1 + _random.Next(9)), _ => 0.1 + _random.NextDouble() };
    }

    /// <summary>Changes that are as large as numbers themselves, or a little larger or smaller, and only added up, halved and doubled; or nearly so.</summary>
    [Fact]
    public void Pairs_are_merged_without_rounding_only_where_there_is_none()
    {
        double[] scales = [1, 1, 0.5, 2, 0.7];
        for (int round = 0; round < 1500; round++)
        {
            // Share and scale may be one only together, and rounded.
            double factor = Math.ScaleB(1, _random.Next(-2, 3)), weight = _random.Next(3) == 0 ? 0.05 * (1 + _random.Next(20)) : Math.ScaleB(1, _random.Next(-2, 3));
            double other = _random.Next(4) == 0 ? Math.ScaleB(1, _random.Next(-12, 13)) : factor;
            PairsAreMerged((round % 3) switch { 0 => 2, 1 => 120, _ => 252 }, 1 + _random.Next(4), 1 + _random.Next(3), [factor, other], [weight, weight], _random.Next(2) == 0, _random.Next(3) == 0 ? weight : scales[_random.Next(scales.Length)]);
        }

        AssertThatSinglesTell();
    }

    /// <summary>Each of them is wrong where one of the conditions is left out.</summary>
    [Theory]
    [InlineData(-0.125, -0.125, 108.61880855849888, -1.00048828125, 0x3E7F, 0x3E59, 0xC358)]
    [InlineData(0.0009765625, 0.0009765625, -2, 1, 0x8000, 0x8163, 0x0163)]
    [InlineData(32, 4, 1, -0.5, 0x8000, 0x8002, 0x0010)]
    [InlineData(0.5, 0.00390625, 2, 2, 0xBC7F, 0x3C7F, 0xB7FF)]
    [InlineData(-1.0000152587890625, -1.0000152587890625, 1, 0.001953125, 0x7E00, 0xFEFF, 0x7EFF)]
    [InlineData(6.924462078501392E+273, 6.924462078501392E+273, 1.731115519625348E+274, 4, 0x7B40, 0x7B40, 0x7AA1)]
    [InlineData(1, 1, 1e308, 1e308, 0x29E1, 0x2A33, 0x2A57)]
    [InlineData(0.5, -0.5, 1, 1, 0x7F7F, 0xFF7F, 0xFF7F)]
    public void Sums_that_are_hard_to_tell_are_those_of_doubles(double first, double second, double divisor, double scale, int origin, int one, int other)
    {
        SumConsensus rule = new([first, second], divisor, scale);
        BFloat16[] from = [.. Enumerable.Repeat(new BFloat16((ushort)origin), 32)], tuned = [.. Enumerable.Repeat(new BFloat16((ushort)one), 32), .. Enumerable.Repeat(new BFloat16((ushort)other), 32)];
        KeptChanges<BFloat16> changes = new(from, new Rows<BFloat16>(tuned, 32), [uint.MaxValue, uint.MaxValue]);
        BFloat16[] output = new BFloat16[32];
        ConsensusKernel.Onto(rule, from, changes, output);
        BFloat16 expected = VectorWidening.Round<BFloat16>(from[0].Value + (scale * rule.One(changes, 0)));
        Assert.All(output, o => Assert.Equal(expected, o));
    }

    /// <summary>How many elements each rule was asked for, each by itself, and how many of these singles told.</summary>
    private readonly Dictionary<Type, (long Tried, long Told)> _singles = [];

    /// <summary>Else no test of theirs would say anything.</summary>
    private void AssertThatSinglesTell() => Assert.All(_singles, rule => Assert.True(!Avx512BW.IsSupported || rule.Value.Told > rule.Value.Tried / 8, $"{rule.Key.Name}: {rule.Value.Told} of {rule.Value.Tried}"));

    /// <param name="exponent">Of the numbers, about.</param>
    /// <param name="spread">How far their exponents may be from it.</param>
    /// <param name="far">How far a source's may be from the base's.</param>
    private void PairsAreMerged(int exponent, int spread, int far, double[] factors, double[] weights, bool normalize, double scale)
    {
        const int Length = 32 * 40;
        BFloat16[] origin = new BFloat16[Length], tuned = new BFloat16[2 * Length], output = new BFloat16[Length];
        for (int i = 0; i < Length; i++)
        {
            origin[i] = Number(exponent, spread);
            tuned[i] = Tuned(origin[i]);
            double change = tuned[i].Value - (double)origin[i].Value;
            tuned[Length + i] = _random.Next(4) == 0 ? new BFloat16(SixteenBitFloats.ToBFloat16((float)Math.Clamp(origin[i].Value - (change * factors[0] / factors[1]), -1e38, 1e38))) : Tuned(origin[i]);
        }

        double[] summed = [_random.Next(4) == 0 ? -factors[0] : factors[0], factors[1]];
        double divisor = normalize ? weights[0] + (_random.Next(3) == 0 ? -3 * weights[0] : weights[1]) : 1, negated = _random.Next(4) == 0 ? -scale : scale;
        // A rule of its own for each source, or, as selection of both together has it, one for both.
        ulong[] bits = [.. Enumerable.Range(0, 2 * BitMask.Words(Length)).Select(_ => (ulong)_random.NextInt64(long.MinValue, long.MaxValue))];
        AreMerged(new SignConsensus(factors, weights, normalize, scale), bits);
        AreMerged(new SumConsensus(summed, divisor, negated), bits);
        AreMerged(new ElectedConsensus([weights[0], _random.Next(2) == 0 ? weights[0] : Math.Abs(weights[1])], 1e-6), bits[..BitMask.Words(Length)]);

        void AreMerged<TRule>(TRule rule, ulong[] kept)
            where TRule : struct, IConsensus
        {
            KeptChanges<BFloat16> changes = new(origin, new Rows<BFloat16>(tuned, Length), kept);
            ConsensusKernel.Onto(rule, origin, changes, output);
            for (int i = 0; i < Length; i++)
            {
                BFloat16 expected = VectorWidening.Round<BFloat16>(origin[i].Value + (rule.Factor * rule.One(changes, i))), told = expected;
                bool tell = false;
                if (rule.InSingles is { } pair && pair.TryMerge(Vector512.Create(origin[i].Bits), Became(0), Became(1), out Vector512<ushort> merged))
                {
                    (tell, told) = (true, new BFloat16(merged[0]));
                }

                (long tried, long sure) = _singles.GetValueOrDefault(typeof(TRule));
                _singles[typeof(TRule)] = (tried + 1, sure + (tell ? 1 : 0));

                if (expected != output[i] || expected != told)
                {
                    Assert.Fail(string.Create(CultureInfo.InvariantCulture, $"""
                        {typeof(TRule).Name} of {origin[i].Value:R} {tuned[i].Value:R} {tuned[Length + i].Value:R}, kept {BitMask.IsSet(kept, i)}
                        factors {factors[0]:R} {factors[1]:R}, weights {weights[0]:R} {weights[1]:R}, scale {scale:R}; of a sum {summed[0]:R} {summed[1]:R} / {divisor:R} * {negated:R}
                        {expected.Value:R} became {output[i].Value:R}, in singles {told.Value:R}
                        """));
                }

                // Thirty-two of one, so that no other decides for it.
                Vector512<ushort> Became(int source) =>
                    Vector512.Create((BitMask.IsSet(kept.AsSpan(kept.Length == BitMask.Words(Length) ? 0 : source * BitMask.Words(Length)), i) ? tuned[(source * Length) + i] : origin[i]).Bits);
            }
        }

        BFloat16 Number(int exponent, int spread) => new((ushort)((_random.Next(2) << 15) | (Math.Clamp(exponent + _random.Next(-spread, spread + 1), 0, 254) << 7) | (_random.Next(3) == 0 ? 0 : _random.Next(128))));

        // A number close by, of any size, the same, or nothing.
        BFloat16 Tuned(BFloat16 number) => _random.Next(9) switch
        {
            8 => default,
            0 or 1 => number,
            2 or 3 => Number(number.Bits >> 7 & 0xFF, far),
            4 or 5 => new BFloat16((ushort)Math.Clamp(number.Bits + _random.Next(-3, 4), number.Bits & 0x8000, (number.Bits & 0x8000) + 0x7F7F)),
            _ => new BFloat16((ushort)Math.Clamp(number.Bits + _random.Next(-300, 301), number.Bits & 0x8000, (number.Bits & 0x8000) + 0x7F7F)),
        };
    }

    private static void Matches<TRule>(TRule rule, float[] origin, double[] changes)
        where TRule : struct, IConsensus
    {
        Matches(rule, origin, new StoredChanges<float>(changes, origin.Length), v => v);
        Matches(rule, [.. origin.Select(v => (double)v)], new StoredChanges<double>(changes, origin.Length), v => v);
        Matches(rule, [.. origin.Select(v => new BFloat16(SixteenBitFloats.ToBFloat16(v)))], new StoredChanges<BFloat16>(changes, origin.Length), v => v.Value);
    }

    private static void Matches<T, TRule>(TRule rule, T[] origin, StoredChanges<T> changes, Func<T, double> valueOf)
        where T : unmanaged
        where TRule : struct, IConsensus
    {
        T[] output = new T[origin.Length];
        ConsensusKernel.Onto(rule, origin, changes, output);
        for (int i = 0; i < origin.Length; i++)
        {
            double expected = valueOf(origin[i]) + (rule.Factor * rule.One(changes, i));
            Assert.Equal(typeof(T) == typeof(double) ? expected : typeof(T) == typeof(float) ? (float)expected : SixteenBitFloats.FromBFloat16(SixteenBitFloats.ToBFloat16((float)expected)), valueOf(output[i]));
        }
    }

    private double[] Values(int length) => [.. Enumerable.Range(0, length).Select(_ => _random.Next(4) switch { 0 => 0, 1 => 0.25, 2 => -0.25, _ => (_random.NextDouble() * 6) - 3 })];

    /// <summary>Changes as they are given, one source after another.</summary>
    private readonly struct StoredChanges<T>(double[] changes, int length) : IChanges
    {
        public static bool AreOfBFloat16 => false;

        public Vector512<ushort> Became(int source, int at) => throw new NotSupportedException();

        public (Vector512<double> Lower, Vector512<double> Upper) Sixteen(int source, int at, Vector512<double> lower, Vector512<double> upper)
        {
            Span<double> sixteen = changes.AsSpan((source * length) + at, 16);
            return typeof(T) != typeof(BFloat16) ? (Vector512.Create<double>(sixteen), Vector512.Create<double>(sixteen[8..]))
                : (Vector512.Create(sixteen[0], sixteen[2], sixteen[4], sixteen[6], sixteen[8], sixteen[10], sixteen[12], sixteen[14]),
                    Vector512.Create(sixteen[1], sixteen[3], sixteen[5], sixteen[7], sixteen[9], sixteen[11], sixteen[13], sixteen[15]));
        }

        public double One(int source, int at) => changes[(source * length) + at];
    }
}
