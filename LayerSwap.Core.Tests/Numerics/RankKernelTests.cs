using LayerSwap.Merging;
using LayerSwap.Numerics;

namespace LayerSwap.Tests.Numerics;

/// <summary>Each kernel against the plain loop it stands for.</summary>
public sealed class RankKernelTests
{
    private readonly System.Random _random = new(11);

    [Theory]
    [InlineData(23)]
    [InlineData(52)]
    public void Codes_never_fall_where_keys_rise_and_even_ones_are_of_one_key(int fraction)
    {
        for (int length = 1; length < 3000; length = (length * 5 / 4) + 1)
        {
            long[] keys = Keys(length, fraction);
            // The largest key, and one that most are above: codes end at both ends.
            foreach (long top in (long[])[keys.Max(), keys.Order().ElementAt(length / 2)])
            {
                CodeScale scale = new(top, fraction);
                byte[] codes = new byte[keys.Length];
                if (fraction == 23)
                {
                    RankKernel.Codes<int>([.. keys.Select(k => (int)k)], scale, codes);
                }
                else
                {
                    RankKernel.Codes<long>(keys, scale, codes);
                }

                Assert.Equal(keys.Select(scale.Of), codes);
                Assert.All(keys.Zip(codes), k => Assert.Equal(k.First == 0, k.Second == 0));
                int[] order = [.. Enumerable.Range(0, keys.Length).OrderBy(i => keys[i])];
                Assert.All(order.Zip(order.Skip(1)), p => Assert.True(codes[p.First] <= codes[p.Second]));
                // Every even code is of one key; every code but the lowest begins where it says.
                Assert.All(codes.Zip(keys).Where(c => !CodeScale.IsShared(c.First)).GroupBy(c => c.First), c => Assert.Single(c.Select(k => k.Second).Distinct()));
                Assert.All(codes.Where(c => c > CodeScale.Lowest).Distinct(), c => Assert.Equal((c, (byte)(c - 1)), (scale.Of(scale.Start(c)), scale.Of(scale.Start(c) - 1))));
                Assert.All(keys.Where(k => k != 0), k => Assert.Equal(k < scale.Start(CodeScale.Lowest + 1), scale.Of(k) == CodeScale.Lowest));
            }
        }
    }

    [Theory]
    [InlineData(0.2, 0.6)]
    [InlineData(0.001, 0.998)]
    [InlineData(0.5, 0)]
    public void What_codes_decide_is_right_for_every_rank_that_one_might_have(double lowest, double span)
    {
        for (int length = 1; length < 3000; length = (length * 5 / 4) + 1)
        {
            byte[] codes = Codes(length), numbers = new byte[codes.Length], below = new byte[CodeScale.Codes], above = new byte[CodeScale.Codes];
            _random.NextBytes(numbers);
            int[] counts = new int[CodeScale.Codes], ranks = new int[CodeScale.Codes], list = new int[codes.Length];
            ulong[] bits = new ulong[codes.Length / 64];
            double rise = span / length;
            RankKernel.Count(codes, codes.Length - length, counts, ranks);
            Assert.Equal(Enumerable.Range(0, CodeScale.Codes).Select(c => codes.Take(length).Count(code => code == c)), counts);
            Assert.Equal(Enumerable.Range(0, CodeScale.Codes).Select(c => codes.Take(length).Count(code => code < c)), ranks);

            RankKernel.Bounds(ranks, counts, lowest, rise, below, above);
            int[] open = list[..RankKernel.Draw(codes, numbers, below, above, bits, list)];
            Assert.Equal(open.Order(), open);
            int doubtful = 0;
            for (int i = 0; i < codes.Length; i++)
            {
                // All numbers that begin with the byte.
                double least = numbers[i] / 256.0, most = (numbers[i] + 1) / 256.0, half = (counts[codes[i]] - 1) / 2.0, aside = CodeScale.IsShared(codes[i]) ? half : 0;
                double first = lowest + (rise * (ranks[codes[i]] + half - aside)), last = lowest + (rise * (ranks[codes[i]] + half + aside));
                bool listed = Array.BinarySearch(open, i) >= 0;
                if (codes[i] != 0 && !listed)
                {
                    Assert.True(BitMask.IsSet(bits, i) ? most <= first : least >= last);
                }
                else
                {
                    Assert.False(BitMask.IsSet(bits, i));
                    doubtful += listed && codes[i] != 0 && (most <= first || least >= last) ? 1 : 0;
                }
            }

            // Bounds are rounded, but by little.
            Assert.InRange(doubtful, 0, 8 + (length / 64));
        }
    }

    [Fact]
    public void Members_of_a_code_are_those_that_have_it()
    {
        for (int length = 1; length < 1000; length = (length * 5 / 4) + 1)
        {
            byte[] codes = Codes(length);
            int[] members = new int[codes.Length];
            byte code = codes[_random.Next(length)];
            Assert.Equal(Enumerable.Range(0, codes.Length).Where(i => codes[i] == code), members[..RankKernel.Members(codes, code, members)]);
        }
    }

    [Fact]
    public void Comparisons_of_keys_are_plain_loops()
    {
        for (int length = 1; length < 200; length++)
        {
            long[] keys = Keys(length, 52);
            int[] singles = [.. keys.Select(k => (int)(k >> 32))];
            Assert.All(keys, key => Assert.Equal((keys.Count(k => k < key), keys.Count(k => k <= key)), RankKernel.Compare<long>(keys, key)));
            Assert.All(singles, key => Assert.Equal((singles.Count(k => k < key), singles.Count(k => k <= key)), RankKernel.Compare<int>(singles, key)));
            long limit = keys[_random.Next(length)];
            Assert.Equal(keys.Max(), KeyKernel.Largest<long>(keys, long.MaxValue));
            Assert.Equal(keys.Where(k => k < limit).DefaultIfEmpty(0).Max(), KeyKernel.Largest<long>(keys, limit));
            Assert.Equal(singles.Max(), KeyKernel.Largest<int>(singles, int.MaxValue));
            Assert.Equal(singles.Where(k => k < singles[0]).DefaultIfEmpty(0).Max(), KeyKernel.Largest(singles, singles[0]));
        }
    }

    [Fact]
    public void Masks_are_plain_loops()
    {
        for (int length = 1; length < 200; length++)
        {
            double[] values = Values(length);
            float[] origin = [.. values.Select(v => (float)v * 3)], tuned = [.. values.Select(v => (float)v * -2)];
            ulong[] bits = [.. Enumerable.Range(0, (length + 63) / 64).Select(_ => (ulong)_random.NextInt64(long.MinValue, long.MaxValue))];
            double[] changes = [.. tuned.Zip(origin, (t, o) => (double)t - o)], expected = [.. changes.Select((c, i) => BitMask.IsSet(bits, i) ? c : 0)];
            (double all, double kept) = MaskKernel.Masses<float>(origin, tuned, bits);
            Assert.Equal(changes.Sum(Math.Abs), all, 1e-12);
            Assert.Equal(expected.Sum(Math.Abs), kept, 1e-12);
            Assert.Equal(kept, MaskKernel.Masses<double>([.. origin], [.. tuned], bits).Kept, 1e-12);

            // Whole vectors of magnitudes, zeros at the end; bits beyond them do not count.
            float[] magnitudes = [.. origin.Zip(tuned, (o, t) => Math.Abs(t - o)), .. new float[RankKernel.Padded(length) - length]];
            (double allOfThem, double keptOfThem) = MaskKernel.Masses(magnitudes, bits);
            Assert.Equal(magnitudes.Sum(m => (double)m), allOfThem, 1e-12);
            Assert.Equal(magnitudes.Take(length).Where((_, i) => BitMask.IsSet(bits, i)).Sum(m => (double)m), keptOfThem, 1e-12);
        }
    }

    private double[] Values(int length) => [.. Enumerable.Range(0, length).Select(_ => _random.Next(4) switch { 0 => 0, 1 => 0.25, 2 => -0.25, _ => (_random.NextDouble() * 6) - 3 })];

    /// <summary>Codes in whole vectors: few of them often, others seldom, and zeros at the end.</summary>
    private byte[] Codes(int length) =>
        [.. Enumerable.Range(0, length).Select(_ => (byte)(_random.Next(3) == 0 ? _random.Next(256) : 200 + _random.Next(5))), .. new byte[RankKernel.Padded(length) - length]];

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
