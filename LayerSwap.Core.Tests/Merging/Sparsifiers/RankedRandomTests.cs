using LayerSwap.Merging;
using LayerSwap.Numerics;
using LayerSwap.Streaming;

namespace LayerSwap.Tests.Merging.Sparsifiers;

/// <summary>What is kept by rank against ranks found by sorting, for rows of all kinds and lengths.</summary>
public sealed class RankedRandomTests
{
    private const ulong Stream = 12345;

    public static TheoryData<string, int> Rows
    {
        get
        {
            TheoryData<string, int> rows = [];
            foreach (string kind in (string[])["few values", "all equal", "mostly zero", "noise", "inexact", "one above", "one far above", "over nine octaves", "over twenty octaves", "not finite"])
            {
                foreach (int length in (int[])[1, 2, 15, 16, 17, 63, 64, 65, 1000, 1569, 5001, 70_001])
                {
                    rows.Add(kind, length);
                }
            }

            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Kept_are_those_whose_random_number_lies_below_the_probability_of_their_rank(string kind, int length)
    {
        const int Count = 3;
        Random random = new(length);
        float[] origin = new float[Count * length], tuned = new float[Count * length];
        for (int i = 0; i < tuned.Length; i++)
        {
            (origin[i], tuned[i]) = kind switch
            {
                "few values" => (random.Next(-8, 8), random.Next(-8, 8) / 4f),
                "all equal" => (1, random.Next(2) == 0 ? 1.5f : 0.5f),
                "mostly zero" => (1, random.Next(20) == 0 ? random.Next(9) / 8f : 1),
                "noise" => (Short(random.NextSingle()), Short(random.NextSingle())),
                "inexact" => (random.NextSingle(), random.NextSingle() * 1e-3f),
                "one above" => (0, i % length == 0 ? 100 : Short(random.NextSingle())),
                "over nine octaves" => (0, (1 + (random.Next(32) / 32f)) * MathF.Pow(2, -random.Next(9))),
                "over twenty octaves" => (0, (1 + (random.Next(32) / 32f)) * MathF.Pow(2, -random.Next(20))),
                "one far above" => (0, i % length == 0 ? 1e30f : random.NextSingle() * 1e-6f),
                _ => (random.NextSingle(), random.Next(50) switch { 0 => float.NaN, 1 => float.PositiveInfinity, _ => random.NextSingle() }),
            };
        }

        const double Density = 0.4, Epsilon = 0.3;
        DellaSparsifier sparsifier = new([Density], [Epsilon], [Stream], length);
        double[] expected = new double[tuned.Length];
        ulong[] bits = new ulong[BitMask.Words(tuned.Length)], ofDoubles = new ulong[bits.Length];
        bool[] kept = new bool[tuned.Length];
        // An odd start: rows then begin with odd and with even indices.
        long start = 3L * length;
        sparsifier.ComputeMask<float>(start, 0, origin, tuned, bits);
        sparsifier.ComputeMask<double>(start, 0, [.. origin], [.. tuned], ofDoubles);
        for (int row = 0; row < tuned.Length; row += length)
        {
            int first = row;
            int rank = 0;
            foreach (int[] equal in Enumerable.Range(first, length).GroupBy(i => BitConverter.DoubleToUInt64Bits(Math.Abs((double)tuned[i] - origin[i]))).OrderBy(g => g.Key).Select(g => g.ToArray()))
            {
                double probability = length == 1 ? Density : Density - Epsilon + (2 * Epsilon / (length - 1) * (rank + ((equal.Length - 1) / 2.0)));
                foreach (int i in equal)
                {
                    double change = (double)tuned[i] - origin[i];
                    kept[i] = CounterRandom.Uniform(Stream, start + i) < probability;
                    expected[i] = kept[i] ? change : 0;
                }

                rank += equal.Length;
            }
        }

        // Of what is zero anyway it does not matter.
        Assert.All(Enumerable.Range(0, tuned.Length).Where(i => tuned[i] != origin[i]), i => Assert.Equal((kept[i], kept[i]), (BitMask.IsSet(bits, i), BitMask.IsSet(ofDoubles, i))));
        (double all, double left) = sparsifier.L1Norms<float>(start, 0, origin, tuned);
        double exact = tuned.Zip(origin, (t, o) => Math.Abs((double)t - o)).Sum();
        Assert.True(kind == "not finite" || (Math.Abs(all - exact) <= 1e-9 * exact && Math.Abs(left - expected.Sum(Math.Abs)) <= 1e-9 * exact));
    }

    /// <summary>With the eight bits of a BF16.</summary>
    private static float Short(float value) => BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(value) & ~0xffff);
}
