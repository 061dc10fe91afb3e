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
                Matches(new SumConsensus(factors, 1), origin, changes);
                Matches(new SumConsensus(factors, 0.7), origin, changes);
                Matches(new SignConsensus(factors, weights, normalize: false), origin, changes);
                Matches(new SignConsensus(factors, weights, normalize: true), origin, changes);
                Matches(new SignConsensus(factors, new double[sources], normalize: true), origin, changes);
                Matches(new ElectedConsensus(weights, 1e-6), origin, changes);
            }
        }
    }

    [Fact]
    public void What_no_source_changes_keeps_its_zero_with_its_sign()
    {
        float[] origin = [.. Enumerable.Repeat(-0f, 20)], output = new float[20];
        ConsensusKernel.Onto<float, SignConsensus, StoredChanges>(new SignConsensus([0.5, 0.5], [1, 1], true), origin, 1, new(new double[40], 20), output);
        Assert.All(output, v => Assert.True(float.IsNegative(v)));
        ConsensusKernel.Onto<float, ElectedConsensus, StoredChanges>(new ElectedConsensus([0.5, 0.5], 1e-6), origin, 1, new(new double[40], 20), output);
        Assert.All(output, v => Assert.True(float.IsNegative(v)));
    }

    private static void Matches<TRule>(TRule rule, float[] origin, double[] changes)
        where TRule : struct, IConsensus
    {
        float[] output = new float[origin.Length];
        StoredChanges stored = new(changes, origin.Length);
        ConsensusKernel.Onto<float, TRule, StoredChanges>(rule, origin, 0.3, stored, output);
        for (int i = 0; i < origin.Length; i++)
        {
            Assert.Equal((float)(origin[i] + (0.3 * rule.One(stored, i))), output[i]);
        }
    }

    private double[] Values(int length) => [.. Enumerable.Range(0, length).Select(_ => _random.Next(4) switch { 0 => 0, 1 => 0.25, 2 => -0.25, _ => (_random.NextDouble() * 6) - 3 })];

    /// <summary>Changes as they are given, one source after another.</summary>
    private readonly struct StoredChanges(double[] changes, int length) : IChanges
    {
        public Vector512<double> Eight(int source, int at, Vector512<double> origin) => Vector512.LoadUnsafe(ref changes[0], (nuint)((source * length) + at));

        public double One(int source, int at) => changes[(source * length) + at];
    }
}
