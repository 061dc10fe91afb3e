using LayerSwap.Merging;
using LayerSwap.Numerics;
using LayerSwap.Tests.Merging.Oracles;

namespace LayerSwap.Tests.Merging;

/// <summary>Compares keys of variances with exact sums of squared distances.</summary>
[Trait("Category", "Kernel")]
public sealed class VarianceKernelTests
{
    private readonly Random _random = new(12);

    [Theory]
    [ElementTypes]
    public void Keys_are_squared_distances_or_the_distance_of_two<T>(T _)
        where T : unmanaged
    {
        foreach (Numbers numbers in Enum.GetValues<Numbers>())
        {
            foreach (int sources in (int[])[1, 2, 3, 4, 7])
            {
                for (int length = 1; length < 70; length++)
                {
                    AssertKeys(KernelBlock<T>.Random(_random, numbers, length, sources), $"{numbers}");
                }
            }
        }
    }

    /// <summary>Exponents so far apart that differences in float64 are inexact, or squares overflow.</summary>
    [Fact]
    public void Keys_of_numbers_of_any_size_are_those_of_their_rounded_deltas()
    {
        for (int round = 0; round < 1000; round++)
        {
            int length = 1 + (round % 40), spread = 1 + _random.Next(80);
            double[][] rows = [.. Enumerable.Range(0, 3 + (round % 3))
                .Select(_ => Enumerable.Range(0, length).Select(_ => Number()).ToArray())];
            AssertKeys(new KernelBlock<BFloat16>(0, rows), $"exponents {spread} apart");

            double Number() =>
                _random.Next(8) == 0 ? 0 : (_random.Next(2) - 0.5) * Math.ScaleB(1 + (_random.Next(128) / 128.0), -_random.Next(spread));
        }
    }

    private static void AssertKeys<T>(KernelBlock<T> operands, string what)
        where T : unmanaged
    {
        ulong[] keys = new ulong[operands.Length];
        VarianceKernel.ComputeKeys(operands.Block, keys);
        for (int i = 0; i < keys.Length; i++)
        {
            double[] deltas = [.. Enumerable.Range(0, operands.SourceCount).Select(s => operands.Delta(s, i))];
            string place = $"{what}, element {i} of {keys.Length}, deltas {string.Join(' ', deltas)}";
            Assert.True(keys[i] == VarianceKernel.ComputeKey(operands.Block, i), $"{place}: vectors and scalars differ");
            double key = BitConverter.UInt64BitsToDouble(keys[i]), expected = Key(deltas);
            Assert.True(double.IsNaN(expected) ? keys[i] == SortKey.NaN : Math.Abs(key - expected) <= expected * 1e-15,
                $"{place}: {key:R}, expected {expected:R}");
        }
    }

    /// <summary>The definition: 0 for equal deltas, NaN if one of different deltas is not finite.</summary>
    private static double Key(double[] deltas) =>
        deltas.All(d => d.Equals(deltas[0])) ? 0
        : !deltas.All(double.IsFinite) ? double.NaN
        : deltas.Length == 2 ? Math.Abs(deltas[0] - deltas[1])
        : Exact.ToDouble(Exact.SquaredDistances(deltas));
}
