using LayerSwap.Numerics;

namespace LayerSwap.Tests.Numerics;

/// <summary>Each kernel against the plain loop it stands for.</summary>
public sealed class RankKernelTests
{
    private readonly System.Random _random = new(11);

    [Fact]
    public void Keys_of_singles_are_those_of_doubles_or_are_refused()
    {
        for (int length = 1; length < 120; length++)
        {
            // Few bits, as 16-bit numbers have: all differences are exact.
            float[] origin = [.. Enumerable.Range(0, length).Select(_ => _random.Next(-40, 40) / 8f)], tuned = [.. Enumerable.Range(0, length).Select(_ => _random.Next(-40, 40) / 8f)];
            int[] keys = new int[RankKernel.Padded(length)];
            Assert.True(RankKernel.TryKeys(origin, tuned, keys));
            Assert.Equal(origin.Zip(tuned, (o, t) => BitConverter.SingleToInt32Bits(Math.Abs(t - o))), keys[..length]);
            Assert.All(keys[length..], k => Assert.Equal(0, k));
            foreach (float wrong in (float[])[1e-9f, float.NaN, float.PositiveInfinity])
            {
                float[] other = [.. tuned];
                other[_random.Next(length)] = wrong;
                origin[Array.IndexOf(other, wrong)] = 5;
                Assert.False(RankKernel.TryKeys(origin, other, keys));
            }
        }
    }

    [Theory]
    [InlineData(23)]
    [InlineData(52)]
    public void Buckets_never_fall_where_keys_rise_and_unmixed_ones_have_equal_keys(int fraction)
    {
        for (int length = 1; length < 3000; length = (length * 5 / 4) + 1)
        {
            long[] keys = Keys(length, fraction);
            if (keys.Max() == 0)
            {
                continue;
            }

            BucketScale scale = BucketScale.Of(length, keys.Max(), fraction);
            int[] buckets = new int[keys.Length], mixed = new int[keys.Length + Places.Room];
            int count = fraction == 23 ? RankKernel.Buckets<int>([.. keys.Select(k => (int)k)], scale, buckets, mixed) : RankKernel.Buckets<long>(keys, scale, buckets, mixed);
            int[] bucketAt = new int[scale.Count];
            for (int b = 0; b < scale.Count; b++)
            {
                bucketAt[scale.PlaceOf(b)] = b;
            }

            Assert.Equal(Enumerable.Range(0, scale.Count), bucketAt.Order());
            int[] order = [.. Enumerable.Range(0, length).Where(i => keys[i] != 0).OrderBy(i => keys[i])];
            Assert.All(order.Zip(order.Skip(1)), p => Assert.True(bucketAt[buckets[p.First]] <= bucketAt[buckets[p.Second]]));
            Assert.All(Enumerable.Range(0, keys.Length).Where(i => keys[i] == 0), i => Assert.InRange(buckets[i], scale.Count, scale.Places - 1));
            HashSet<int> marked = [.. mixed[..count]];
            Assert.All(order.GroupBy(i => buckets[i]).Where(g => !marked.Contains(g.Key)), g => Assert.Single(g.Select(i => keys[i]).Distinct()));
        }
    }

    [Theory]
    [InlineData(0, 0.2, 0.6)]
    [InlineData(1, 0.2, 0.6)]
    [InlineData(1000, 0.001, 0.998)]
    [InlineData(77, 0.5, 0)]
    public void Counts_ranks_and_what_buckets_decide_are_plain_loops(long start, double lowest, double span)
    {
        for (int length = 1; length < 3000; length = (length * 5 / 4) + 1)
        {
            long[] keys = Keys(length, 23);
            if (keys.Max() == 0)
            {
                continue;
            }

            BucketScale scale = BucketScale.Of(length, keys.Max(), 23);
            int[] buckets = new int[keys.Length], list = new int[keys.Length + Places.Room], counts = new int[scale.Places], order = new int[length], ranks = new int[scale.Places], bounds = new int[scale.Places];
            ulong[] bits = new ulong[(length + 63) / 64];
            double rise = span / length;
            RankKernel.Buckets<long>(keys, scale, buckets, list);
            RankKernel.Count(buckets.AsSpan(0, length), counts, order);
            RankKernel.Bounds(counts, scale, lowest, rise, ranks, bounds);
            int open = RankKernel.Draw(buckets, bounds, 99, start, bits, list);
            int[] left = list[..open];
            Assert.Equal(left.Order(), left);
            for (int b = 0; b < scale.Count; b++)
            {
                int place = scale.PlaceOf(b);
                int[] expected = [.. Enumerable.Range(0, length).Where(i => buckets[i] == place)];
                Assert.Equal(expected.Length, counts[place]);
                Assert.Equal(Enumerable.Range(0, expected.Length), expected.Select(i => order[i]));
                int members = RankKernel.Members(buckets, place, list);
                Assert.Equal(expected, list[..members]);
                if (expected.Length > 0)
                {
                    Assert.Equal(keys[..length].Count(k => k < expected.Min(i => keys[i])), ranks[place]);
                }
            }

            // What a bucket decides is right for each rank that an element of it might have.
            int doubtful = 0;
            for (int i = 0; i < length; i++)
            {
                double random = LayerSwap.Merging.CounterRandom.Uniform(99, start + i);
                bool kept = ((bits[i / 64] >> (i & 63)) & 1) != 0, sure = random < lowest + (rise * ranks[buckets[i]]), never = random >= lowest + (rise * (ranks[buckets[i]] + counts[buckets[i]] - 1));
                if (keys[i] != 0 && Array.BinarySearch(left, i) < 0)
                {
                    Assert.True(kept ? sure : never);
                }
                else if (keys[i] != 0)
                {
                    Assert.False(kept);
                    doubtful += sure || never ? 1 : 0;
                }
            }

            // Bounds are rounded, but by little.
            Assert.InRange(doubtful, 0, 2 + (length / 1000));
        }
    }

    [Fact]
    public void Ranks_among_keys_are_plain_loops()
    {
        for (int length = 1; length < 120; length++)
        {
            long[] keys = Keys(length, 52)[..length];
            int[] singles = [.. keys.Select(k => (int)(k >> 32))];
            Assert.Equal(Enumerable.Range(0, length).Select(i => Enumerable.Range(0, length).Count(j => keys[j] < keys[i] || (keys[j] == keys[i] && j > i))), Enumerable.Range(0, length).Select(i => RankKernel.Below<long>(keys, i)));
            Assert.Equal(
                Enumerable.Range(0, length).Select(i => Enumerable.Range(0, length).Count(j => singles[j] < singles[i] || (singles[j] == singles[i] && j > i))), Enumerable.Range(0, length).Select(i => RankKernel.Below<int>(singles, i)));
            Assert.Equal(singles.Max(), RankKernel.Largest<int>([.. singles, .. new int[16 - (length % 16)]]));
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
            double[] values = Values(length), changes = new double[length];
            float[] origin = [.. values.Select(v => (float)v * 3)], tuned = [.. values.Select(v => (float)v * -2)];
            ulong[] bits = [.. Enumerable.Range(0, (length + 63) / 64).Select(_ => (ulong)_random.NextInt64(long.MinValue, long.MaxValue))];
            double[] expected = [.. Enumerable.Range(0, length).Select(i => ((bits[i / 64] >> (i % 64)) & 1) != 0 ? (double)tuned[i] - origin[i] : 0)];
            MaskKernel.Kept<float>(origin, tuned, bits, changes);
            Assert.Equal(expected, changes);
            (double all, double kept) = MaskKernel.Masses<float>(origin, tuned, bits);
            Assert.Equal(origin.Zip(tuned, (o, t) => Math.Abs((double)t - o)).Sum(), all, 1e-12);
            Assert.Equal(expected.Sum(Math.Abs), kept, 1e-12);

            MaskKernel.Kept<double>([.. origin], [.. tuned], bits, changes);
            Assert.Equal(expected, changes);
            Assert.Equal(kept, MaskKernel.Masses<double>([.. origin], [.. tuned], bits).Kept, 1e-12);

            ulong[] keys = [.. Enumerable.Range(0, length).Select(_ => (ulong)_random.Next(4))];
            double[] rows = [.. values, .. values];
            MaskKernel.Within(keys, 5, 2, 5 + (length / 2), rows);
            double[] within = [.. Enumerable.Range(0, length).Select(i => keys[i] > 2 || (keys[i] == 2 && i <= length / 2) ? values[i] : 0)];
            Assert.Equal([.. within, .. within], rows);
        }
    }

    private double[] Values(int length) => [.. Enumerable.Range(0, length).Select(_ => _random.Next(4) switch { 0 => 0, 1 => 0.25, 2 => -0.25, _ => (_random.NextDouble() * 6) - 3 })];

    /// <summary>The bits of magnitudes in whole vectors: zeros, many equal ones, some that differ from them in the last bits, and some far below.</summary>
    private long[] Keys(int length, int fraction)
    {
        long One(double value) => fraction == 52 ? BitConverter.DoubleToInt64Bits(value) : BitConverter.SingleToInt32Bits((float)value);
        return [.. Enumerable.Range(0, length).Select(_ => _random.Next(6) switch
        {
            0 => 0,
            1 => One(_random.NextDouble()),
            2 => One(_random.Next(1, 8) / 4.0) + _random.Next(3),
            3 => One(Math.Pow(2, -_random.Next(40))),
            _ => One(_random.Next(1, 8) / 4.0),
        }), .. new long[RankKernel.Padded(length) - length]];
    }
}
