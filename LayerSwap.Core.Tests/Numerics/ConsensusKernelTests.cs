using System.Runtime.Intrinsics;
using LayerSwap.Numerics;

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
                    Matches(new SumConsensus(factors, 1), origin, factor, changes);
                    Matches(new SumConsensus(factors, 0.7), origin, factor, changes);
                    Matches(new SignConsensus(factors, weights, normalize: false), origin, factor, changes);
                    Matches(new SignConsensus(factors, weights, normalize: true), origin, factor, changes);
                    Matches(new SignConsensus(factors, new double[sources], normalize: true), origin, factor, changes);
                    Matches(new ElectedConsensus(weights, 1e-6), origin, factor, changes);
                }
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
            ConsensusKernel.Onto<float, SignConsensus, StoredChanges<float>>(new SignConsensus(factors, [1, 1], true), origin, 1, new(changes, 20), output);
            Assert.All(output, v => Assert.True(float.IsNegative(v)));
        }

        ConsensusKernel.Onto<float, ElectedConsensus, StoredChanges<float>>(new ElectedConsensus([0.5, 0.5], 1e-6), origin, 1, new(changes, 20), output);
        Assert.All(output, v => Assert.True(float.IsNegative(v)));
    }

    /// <summary>Numbers of all sizes, changes that cancel, sums in the middle between two numbers of BF16 and next to it: singles decide only where they are right.</summary>
    [Fact]
    public void What_singles_tell_of_pairs_is_what_doubles_do()
    {
        const int Length = 32 * 40;
        double[] scales = [1, 1, 0.5, -1, 1e-3, 65536, 1 / 65536.0, 1e-30, 1e30];
        for (int round = 0; round < 400; round++)
        {
            double[] factors = [scales[_random.Next(scales.Length)] * Factor(), scales[_random.Next(scales.Length)] * Factor()], weights = [Factor(), _random.Next(4) == 0 ? -Factor() : Factor()];
            factors[1] = _random.Next(3) == 0 ? factors[0] : factors[1];
            BFloat16[] origin = new BFloat16[Length], tuned = new BFloat16[2 * Length], output = new BFloat16[Length];
            int exponent = _random.Next(6) switch { 0 => 1 + _random.Next(250), 1 => _random.Next(4), _ => 120 }, spread = 1 + _random.Next(30);
            for (int i = 0; i < Length; i++)
            {
                origin[i] = Number(exponent, spread);
                tuned[i] = Tuned(origin[i]);
                double change = tuned[i].Value - (double)origin[i].Value;
                tuned[Length + i] = _random.Next(4) == 0 ? new BFloat16(Scalar16.ToBFloat16((float)(origin[i].Value - change))) : Tuned(origin[i]);
            }

            ulong[] bits = [.. Enumerable.Range(0, 2 * Bits.Words(Length)).Select(_ => (ulong)_random.NextInt64(long.MinValue, long.MaxValue))];
            KeptChanges<BFloat16> changes = new(origin, new Rows<BFloat16>(tuned, Length), bits);
            SignConsensus rule = new(factors, weights, normalize: round % 2 == 0);
            double scale = _random.Next(2) == 0 ? 1 : scales[_random.Next(scales.Length)] * Factor();
            ConsensusKernel.Onto(rule, origin, scale, changes, output);
            for (int i = 0; i < Length; i++)
            {
                BFloat16 expected = Wide.Narrow<BFloat16>(origin[i].Value + (scale * rule.One(changes, i)));
                Assert.True(expected == output[i], $"round {round}, element {i}: {origin[i].Value:R} {tuned[i].Value:R} {tuned[Length + i].Value:R}, factors {factors[0]:R} {factors[1]:R}, {expected.Value:R} became {output[i].Value:R}");
            }
        }

        // Powers of two often, so that sums have few bits and lie in the middle.
        double Factor() => _random.Next(2) == 0 ? Math.ScaleB(1, _random.Next(-2, 3)) : 0.1 + _random.NextDouble();

        BFloat16 Number(int exponent, int spread) => new((ushort)((_random.Next(2) << 15) | (Math.Clamp(exponent + _random.Next(-spread, spread + 1), 0, 254) << 7) | (_random.Next(3) == 0 ? 0 : _random.Next(128))));

        // A number close by, of any size, or the same.
        BFloat16 Tuned(BFloat16 number) => _random.Next(4) switch
        {
            0 => number,
            1 => Number(number.Bits >> 7 & 0xFF, 20),
            2 => new BFloat16((ushort)Math.Clamp(number.Bits + _random.Next(-3, 4), number.Bits & 0x8000, (number.Bits & 0x8000) + 0x7F7F)),
            _ => new BFloat16((ushort)Math.Clamp(number.Bits + _random.Next(-300, 301), number.Bits & 0x8000, (number.Bits & 0x8000) + 0x7F7F)),
        };
    }

    private static void Matches<TRule>(TRule rule, float[] origin, double factor, double[] changes)
        where TRule : struct, IConsensus
    {
        Matches(rule, origin, factor, new StoredChanges<float>(changes, origin.Length), v => v);
        Matches(rule, [.. origin.Select(v => (double)v)], factor, new StoredChanges<double>(changes, origin.Length), v => v);
        Matches(rule, [.. origin.Select(v => new BFloat16(Scalar16.ToBFloat16(v)))], factor, new StoredChanges<BFloat16>(changes, origin.Length), v => v.Value);
    }

    private static void Matches<T, TRule>(TRule rule, T[] origin, double factor, StoredChanges<T> changes, Func<T, double> valueOf)
        where T : unmanaged
        where TRule : struct, IConsensus
    {
        T[] output = new T[origin.Length];
        ConsensusKernel.Onto(rule, origin, factor, changes, output);
        for (int i = 0; i < origin.Length; i++)
        {
            double expected = valueOf(origin[i]) + (factor * rule.One(changes, i));
            Assert.Equal(typeof(T) == typeof(double) ? expected : typeof(T) == typeof(float) ? (float)expected : Scalar16.FromBFloat16(Scalar16.ToBFloat16((float)expected)), valueOf(output[i]));
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
