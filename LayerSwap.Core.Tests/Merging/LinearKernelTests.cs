using LayerSwap.Merging;

namespace LayerSwap.Tests.Merging;

/// <summary>Compares weighted sums, bit by bit, with loops in float64 in the order of the sources.</summary>
[Trait("Category", "Kernel")]
public sealed class LinearKernelTests
{
    private static readonly double[][] Weights =
    [
        [1], [0.5, 0.5], [0.3, 0.7], [0, 1], [1, 0], [0.5, -0.5], [-1, 2],
        [0.2, 0.3, 0.5], [1.0 / 3, 1.0 / 3, 1.0 / 3], [-1, 0.5, 0.25, 1e-3],
        [1, 1e-300],
    ];

    [Theory]
    [ElementTypes]
    public void Sum_scales_the_weighted_sum_of_the_sources<T>(T _)
        where T : unmanaged =>
        ForAll<T>((weights, operands, what) =>
        {
            foreach (double scale in (double[])[1, 0.3])
            {
                LinearKernel.Sum(weights, scale, operands.Block);
                operands.AssertOutput(i => Sum(weights, s => operands.Source(s, i)) * scale, what);
            }
        });

    [Theory]
    [ElementTypes]
    public void SumWithBase_gives_the_base_the_first_weight<T>(T _)
        where T : unmanaged =>
        ForAll<T>((weights, operands, what) =>
        {
            LinearKernel.SumWithBase(weights, operands.Block);
            operands.AssertOutput(i => Sum(weights, s => s == 0 ? operands.Base(i) : operands.Source(s - 1, i)), what);
        });

    [Theory]
    [ElementTypes]
    public void AddDeltas_adds_the_scaled_sum_of_weighted_deltas_to_the_base<T>(T _)
        where T : unmanaged =>
        ForAll<T>((weights, operands, what) =>
        {
            LinearKernel.AddDeltas(weights, 0.8, operands.Block);
            operands.AssertOutput(i => operands.Base(i) + (0.8 * Sum(weights, s => operands.Delta(s, i))), what);
        });

    [Fact]
    public void Quotient_divides_once() =>
        ForAll<double>((weights, operands, what) =>
        {
            LinearKernel.Quotient(weights, 0.7, operands.Block);
            operands.AssertOutput(i => Sum(weights, s => operands.Source(s, i)) / 0.7, what);
        });

    [Theory]
    [InlineData(-0.0, 5, 1, 0)]
    [InlineData(-3, -0.0, 0, 0.5)]
    [InlineData(-0.0, 0, 0.5, -0.5)]
    [InlineData(-0.0, -0.0, 1, 2)]
    [InlineData(0, 0, -1, -1)]
    public void Zeros_have_the_same_sign_in_vectors_and_in_the_rest(double a, double b, double first, double second)
    {
        const int length = 37;
        double[] Repeat(double value) => [.. Enumerable.Repeat(value, length)];
        KernelBlock<float> operands = new(0, Repeat(-0.0), Repeat(a), Repeat(b));
        LinearKernel.Sum([first, second], 1, operands.Block);
        operands.AssertOutput(_ => (first * a) + (second * b), "the sum");
        LinearKernel.AddDeltas([first, second], 1, operands.Block);
        operands.AssertOutput(_ => -0.0 + ((first * (a - -0.0)) + (second * (b - -0.0))), "the added deltas");
    }

    [Fact]
    public void Cancellation_loses_no_bits()
    {
        double[] Repeat(double value) => [.. Enumerable.Repeat(value, 17)];
        KernelBlock<float> operands = new(0, Repeat(0), Repeat(16777216), Repeat(-16777216), Repeat(1e-6f));
        LinearKernel.Sum([1, 1, 1], 1, operands.Block);
        operands.AssertOutput(_ => 1e-6f, "the sum");
    }

    private static double Sum(double[] weights, Func<int, double> number) =>
        weights.Select((w, s) => w * number(s)).Aggregate((a, b) => a + b);

    private static void ForAll<T>(Action<double[], KernelBlock<T>, string> check)
        where T : unmanaged
    {
        Random random = new(10);
        foreach (double[] weights in Weights)
        {
            for (int length = 1; length <= 100; length++)
            {
                Numbers numbers = KernelBlock<T>.Finite[length % KernelBlock<T>.Finite.Length];
                check(weights, KernelBlock<T>.Random(random, numbers, length, weights.Length),
                    $"{numbers}, weights {string.Join(' ', weights)}");
            }
        }
    }
}
