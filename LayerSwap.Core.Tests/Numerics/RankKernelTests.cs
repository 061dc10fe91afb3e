using LayerSwap.Numerics;

namespace LayerSwap.Tests.Numerics;

/// <summary>Each kernel against the plain loop it stands for.</summary>
public sealed class RankKernelTests
{
    private readonly System.Random _random = new(11);

    [Fact]
    public void Buckets_count_members_and_ranks_are_plain_loops()
    {
        for (int length = 1; length < 120; length++)
        {
            double[] values = Values(length);
            int[] buckets = new int[length], counts = new int[8], places = new int[length], members = new int[length + Places.Room];
            ulong[] first = new ulong[8], mixed = new ulong[8];
            RankKernel.Buckets(values, 3.5, 7, buckets);
            Assert.Equal(values.Select(v => (int)Math.Min(Math.Abs(v) * 3.5, 7)), buckets);

            RankKernel.Count(buckets, values, counts, places, first, mixed);
            for (int b = 0; b < 8; b++)
            {
                int[] expected = [.. Enumerable.Range(0, length).Where(i => buckets[i] == b)];
                Assert.Equal(expected.Length, counts[b]);
                Assert.Equal(Enumerable.Range(0, expected.Length), expected.Select(i => places[i]));
                Assert.Equal(expected.Select(i => Math.Abs(values[i])).Distinct().Count() > 1, mixed[b] != 0);
                Assert.Equal(expected.Length, RankKernel.Members(buckets, b, members));
                Assert.Equal(expected, members[..expected.Length]);
            }

            ulong[] keys = [.. values.Select(v => BitConverter.DoubleToUInt64Bits(Math.Abs(v)))];
            Assert.Equal(Enumerable.Range(0, length).Select(i => Enumerable.Range(0, length).Count(j => keys[j] < keys[i] || (keys[j] == keys[i] && j > i))), Enumerable.Range(0, length).Select(i => RankKernel.Below(keys, i)));
        }
    }

    [Fact]
    public void Sums_are_plain_sums()
    {
        for (int length = 1; length < 60; length++)
        {
            double[] finite = Values(length * 3);
            Assert.Equal(finite.Sum(Math.Abs), SumKernel.Magnitudes(finite), 1e-12);
            Assert.Equal(finite.Sum(v => v * v), SumKernel.Squares(finite), 1e-12);
        }
    }

    [Fact]
    public void Masks_are_plain_loops()
    {
        for (int length = 1; length < 200; length++)
        {
            double[] values = Values(length), random = [.. values], again = [.. values];
            ulong[] bits = new ulong[(length + 63) / 64];
            uint[] numbers = new uint[length];
            int[] open = new int[length + Places.Room];
            uint low = 1U << 30, high = 1U << 31;
            // From an even index in vectors, from an odd one element by element.
            int start = 1000 + (length % 2), left = MaskKernel.Random(random, 99, start, low, high, numbers, open);
            Assert.Equal(Enumerable.Range(0, length).Select(i => MaskKernel.Number(99, start + i)), numbers);
            Assert.Equal(Enumerable.Range(0, length).Where(i => numbers[i] >= low && numbers[i] < high), open[..left]);
            Assert.Equal(Enumerable.Range(0, length).Select(i => numbers[i] < high ? values[i] : 0), random);

            MaskKernel.NonZero(random, bits);
            MaskKernel.Apply(bits, again);
            Assert.Equal(random, again);

            ulong[] keys = [.. Enumerable.Range(0, length).Select(_ => (ulong)_random.Next(4))];
            double[] rows = [.. values, .. values];
            MaskKernel.Within(keys, 5, 2, 5 + (length / 2), rows);
            double[] kept = [.. Enumerable.Range(0, length).Select(i => keys[i] > 2 || (keys[i] == 2 && i <= length / 2) ? values[i] : 0)];
            Assert.Equal([.. kept, .. kept], rows);
        }
    }

    private double[] Values(int length) => [.. Enumerable.Range(0, length).Select(_ => _random.Next(4) switch { 0 => 0, 1 => 0.25, 2 => -0.25, _ => (_random.NextDouble() * 6) - 3 })];
}
