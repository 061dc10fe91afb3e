using LayerSwap.Merging;

namespace LayerSwap.Tests.Merging;

[Trait("Category", "Kernel")]
public sealed class DotKernelTests
{
    [Theory]
    [ElementTypes]
    public void Dot_products_are_those_of_vectors_or_of_deltas<T>(T _)
        where T : unmanaged
    {
        Random random = new(12);
        for (int length = 1; length < 100; length++)
        {
            KernelBlock<T> operands = KernelBlock<T>.Random(random, Numbers.Weights, length, 2);
            ReadOnlySpan<T> a = operands.Block[0], b = operands.Block[1];
            foreach (bool hasBase in (bool[])[false, true])
            {
                ReadOnlySpan<T> from = hasBase ? operands.Block.Base : [];
                double Expected(int first, int second) => Enumerable.Range(0, length).Sum(i => hasBase
                    ? operands.Delta(first, i) * operands.Delta(second, i)
                    : operands.Source(first, i) * operands.Source(second, i));
                (double aa, double ab, double bb) = DotKernel.Pair(from, a, b);
                foreach ((double expected, double found) in new[]
                {
                    (Expected(0, 0), aa), (Expected(0, 1), ab), (Expected(1, 1), bb),
                        (Expected(0, 1), DotKernel.Dot(from, a, b)), (Expected(0, 1), DotKernel.Scalar(from, a, b)),
                })
                {
                    Assert.True(Math.Abs(expected - found) <= 1e-12,
                        $"{length} elements, base {hasBase}: {found:R}, expected {expected:R}");
                }
            }
        }
    }
}
