using LayerSwap.Merging;

namespace LayerSwap.Tests.Merging;

/// <summary>Compares sign elections and weighted sums, bit by bit, with loops written from their definitions.</summary>
[Trait("Category", "Kernel")]
public sealed class SignElectionTests
{
    private const double LeastTies = 1e-8, LeastSce = 1e-6;

    private readonly Random _random = new(11);

    [Theory]
    [ElementTypes]
    public void Ties_adds_the_mean_of_the_votes_that_have_the_elected_sign<T>(T _)
        where T : unmanaged =>
        ForAll<T>((operands, deltas, what) =>
        {
            double[] factors = Factors(operands.SourceCount),
                weights = _random.Next(4) == 0 ? new double[factors.Length] : Factors(factors.Length);
            bool normalize = _random.Next(2) == 0;
            double scale = Pick(1, 0.3, -1);
            SignElection.OfTies(factors, weights, normalize, scale)
                .ApplyTo(new MaskedDeltas<T>(operands.Block, deltas.Masks), operands.Block.Output);
            operands.AssertOutput(
                i => operands.Base(i) + (scale * Elect(
                    [.. factors.Select((f, s) => f * deltas.Of(s, i))], [.. factors.Select(_ => 1.0)],
                    weights, w => normalize && Math.Abs(w) >= LeastTies ? w : 1)),
                $"{what}, factors {Text(factors)}, weights {Text(weights)}, scale {scale}, normalize {normalize}");
        });

    [Theory]
    [ElementTypes]
    public void Sce_averages_by_weight_the_deltas_that_have_the_elected_sign<T>(T _)
        where T : unmanaged =>
        ForAll<T>((operands, deltas, what) =>
        {
            double[] weights = [.. Enumerable.Range(0, operands.SourceCount).Select(_ => Pick(0, 1e-7, 0.25, _random.NextDouble()))];
            SignElection.OfSce(weights, LeastSce).ApplyTo(new MaskedDeltas<T>(operands.Block, deltas.Masks), operands.Block.Output);
            operands.AssertOutput(
                i => operands.Base(i) + Elect([.. weights.Select((_, s) => deltas.Of(s, i))], weights, weights, w => Math.Max(w, LeastSce)),
                $"{what}, weights {Text(weights)}");
        });

    [Theory]
    [ElementTypes]
    public void Weighted_sums_are_added_to_the_base<T>(T _)
        where T : unmanaged =>
        ForAll<T>((operands, deltas, what) =>
        {
            double[] factors = Factors(operands.SourceCount);
            double divisor = Pick(1, 0.7, -3), scale = Pick(1, 0.3, -1);
            new WeightedSum(factors, divisor, scale).ApplyTo(new MaskedDeltas<T>(operands.Block, deltas.Masks), operands.Block.Output);
            operands.AssertOutput(
                i => operands.Base(i) + (scale * (factors.Select((f, s) => f * deltas.Of(s, i)).Aggregate(0.0, (a, b) => a + b) / divisor)),
                $"{what}, factors {Text(factors)}, divisor {divisor}, scale {scale}");
        });

    /// <summary>Masked deltas are zero; factors of both signs make zeros of both signs of them.</summary>
    [Theory]
    [ElementTypes]
    public void A_base_without_votes_keeps_its_bits<T>(T _)
        where T : unmanaged
    {
        foreach (double[] factors in (double[][])[[0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5]])
        {
            for (int length = 1; length < 40; length++)
            {
                double[] zeros = [.. Enumerable.Repeat(-0.0, length)];
                KernelBlock<T> operands = new(0, zeros, zeros, [.. Enumerable.Repeat(1.0, length)]);
                SignElection[] elections = [SignElection.OfTies(factors, [1, 1], normalize: true, 1),
                    SignElection.OfSce([0.5, 0.5], LeastSce)];
                foreach (SignElection election in elections)
                {
                    election.ApplyTo(new MaskedDeltas<T>(operands.Block, [ulong.MaxValue, 0]), operands.Block.Output);
                    operands.AssertOutput(_ => -0.0, $"factors {Text(factors)}");
                }
            }
        }
    }

    /// <summary>The definition: a sum of zero elects plus, zeros never count, NaN stays NaN.</summary>
    private static double Elect(double[] votes, double[] multipliers, double[] weights, Func<double, double> divisor)
    {
        double sum = votes.Aggregate(0.0, (a, b) => a + b);
        int[] agreeing = [.. Enumerable.Range(0, votes.Length).Where(s => sum < 0 ? votes[s] < 0 : votes[s] > 0)];
        double total = agreeing.Select(s => votes[s] * multipliers[s]).Aggregate(-0.0, (a, b) => a + b);
        return double.IsNaN(sum) ? sum : total * (1 / divisor(agreeing.Sum(s => weights[s])));
    }

    private static string Text(double[] numbers) => string.Join(' ', numbers);

    private double Pick(params double[] numbers) => numbers[_random.Next(numbers.Length)];

    private double[] Factors(int count) =>
        [.. Enumerable.Range(0, count).Select(_ => Pick(1, 1, 0.25, -0.25, (_random.NextDouble() * 6) - 3))];

    private void ForAll<T>(Action<KernelBlock<T>, Masked<T>, string> check)
        where T : unmanaged
    {
        foreach (Numbers numbers in KernelBlock<T>.Finite)
        {
            for (int sources = 1; sources <= 5; sources++)
            {
                for (int length = 1; length < 70; length++)
                {
                    KernelBlock<T> operands = KernelBlock<T>.Random(_random, numbers, length, sources);
                    int words = BitMask.WordCount(length), masks = length % 2 == 0 ? 1 : sources;
                    ulong[] mask = [.. Enumerable.Range(0, masks * words).Select(_ => (ulong)_random.NextInt64() << _random.Next(2))];
                    check(operands, new Masked<T>(operands, mask), $"{numbers}, {sources} sources, {masks} masks");
                }
            }
        }
    }

    /// <summary>Masked deltas by their definition.</summary>
    private sealed record Masked<T>(KernelBlock<T> Operands, ulong[] Masks)
        where T : unmanaged
    {
        public double Of(int source, int at)
        {
            int words = BitMask.WordCount(Operands.Length);
            return BitMask.IsSet(Masks.AsSpan(Masks.Length == words ? 0 : source * words), at) ? Operands.Delta(source, at) : 0;
        }
    }
}
