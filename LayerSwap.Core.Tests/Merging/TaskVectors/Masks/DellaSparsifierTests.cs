using LayerSwap.Merging;
using LayerSwap.Numerics;

namespace LayerSwap.Tests.Merging;

/// <summary>Compares masks with those of exact mean ranks, found by sorting each row.</summary>
[Trait("Category", "Kernel")]
public sealed class DellaSparsifierTests
{
    private const ulong Stream = 12345;

    private const double Density = 0.4, Epsilon = 0.3;

    /// <summary>The base and the source of an element, by the element's index in its row.</summary>
    private static readonly Dictionary<string, Func<Random, int, (double Base, double Source)>> Rows = new(StringComparer.Ordinal)
    {
        ["few magnitudes"] = (r, _) => (r.Next(-8, 8), r.Next(-8, 8) / 4.0),
        ["one magnitude"] = (r, _) => (1, r.Next(2) == 0 ? 1.5 : 0.5),
        ["all zeros"] = (_, _) => (1, 1),
        ["mostly zeros"] = (r, _) => (1, r.Next(20) == 0 ? r.Next(9) / 8.0 : 1),
        ["exact in float32"] = (r, _) => (Short(r.NextDouble()), Short(r.NextDouble())),
        ["not exact in float32"] = (r, _) => (r.NextDouble(), r.NextDouble() * 1e-3),
        ["an outlier 2^20 larger"] = (r, i) => (0, i == 0 ? 1 << 20 : Short(r.NextDouble())),
        ["an outlier 1e36 larger"] = (r, i) => (0, i == 0 ? 1e30 : r.NextDouble() * 1e-6),
        ["nine octaves"] = (r, _) => (0, (1 + (r.Next(32) / 32.0)) * Math.Pow(2, -r.Next(9))),
        ["twenty octaves"] = (r, _) => (0, (1 + (r.Next(32) / 32.0)) * Math.Pow(2, -r.Next(20))),
        ["non-finite"] = (r, _) =>
            (r.NextDouble(), r.Next(50) switch { 0 => double.NaN, 1 => double.PositiveInfinity, _ => r.NextDouble() }),
    };

    public static TheoryData<string> Names => [.. Rows.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Elements_are_kept_by_the_probability_of_their_mean_rank(string row)
    {
        foreach (int length in (int[])[1, 2, 15, 16, 17, 63, 64, 65, 1000, 5001, 20_000])
        {
            AssertMasks<float>(row, length);
            AssertMasks<double>(row, length);
            AssertMasks<BFloat16>(row, length);
        }
    }

    private static void AssertMasks<T>(string row, int length)
        where T : unmanaged
    {
        // An odd start: rows begin with odd and with even indices.
        const int rows = 3;
        long start = rows * length;
        Random random = new(length);
        (double Base, double Source)[] elements = [.. Enumerable.Range(0, rows * length).Select(i => Rows[row](random, i % length))];
        KernelBlock<T> operands = new(start, [.. elements.Select(e => e.Base)], [.. elements.Select(e => e.Source)]);
        ulong[] mask = new ulong[BitMask.WordCount(operands.Length)];
        new DellaSparsifier([Density], [Epsilon], [Stream], length).ComputeMask(operands.Block, 0, mask);

        // Masks of zero deltas are undefined.
        double[] deltas = operands.Deltas(0);
        bool[] kept = Kept(deltas, start, length);
        for (int i = 0; i < kept.Length; i++)
        {
            Assert.True(deltas[i] == 0 || kept[i] == BitMask.IsSet(mask, i), $"{typeof(T).Name}, element {i} of rows of {length}");
        }
    }

    /// <summary>The definition: <c>density - epsilon + 2 epsilon rank / (length - 1)</c>; in a row of one, the density.</summary>
    private static bool[] Kept(double[] deltas, long start, int length)
    {
        bool[] kept = new bool[deltas.Length];
        for (int row = 0; row < deltas.Length; row += length)
        {
            int rank = 0;
            foreach (IGrouping<ulong, int> equal in Enumerable.Range(row, length).GroupBy(i => SortKey.Of(deltas[i])).OrderBy(g => g.Key))
            {
                int count = equal.Count();
                double probability = length == 1
                    ? Density
                    : Density - Epsilon + (2 * Epsilon / (length - 1) * (rank + ((count - 1) / 2.0)));
                foreach (int i in equal)
                {
                    kept[i] = CounterRandom.ComputeUniform(Stream, start + i) < probability;
                }

                rank += count;
            }
        }

        return kept;
    }

    /// <summary>Rounds to the eight significant bits of BF16.</summary>
    private static double Short(double value) => BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits((float)value) & ~0xFFFF);
}
