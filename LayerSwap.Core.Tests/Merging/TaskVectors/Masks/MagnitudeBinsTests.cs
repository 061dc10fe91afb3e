using LayerSwap.Merging;

namespace LayerSwap.Tests.Merging;

[Trait("Category", "Kernel")]
public sealed class MagnitudeBinsTests
{
    private const int Float32Fraction = 23, Float64Fraction = 52;

    private readonly Random _random = new(11);

    private static IEnumerable<int> Lengths => Enumerable.Range(0, 30).Select(i => 1 + (int)Math.Pow(1.3, i)).Distinct();

    [Theory]
    [InlineData(Float32Fraction)]
    [InlineData(Float64Fraction)]
    public void Bins_rise_with_keys_and_even_bins_have_one_key(int fraction)
    {
        foreach (int length in Lengths)
        {
            long[] keys = Keys(length, fraction);
            MagnitudeBins scale = new(keys.Max(), fraction);
            byte[] bins = new byte[keys.Length];
            if (fraction == Float32Fraction)
            {
                scale.Assign<int>([.. keys.Select(k => (int)k)], bins);
            }
            else
            {
                scale.Assign<ulong>([.. keys.Select(k => (ulong)k)], bins);
            }

            Assert.True(keys.Select(scale.Of).SequenceEqual(bins), $"{length} keys: vectors and scalars differ");
            (long Key, byte Bin)[] ordered = [.. keys.Zip(bins).Order()];
            for (int i = 1; i < ordered.Length; i++)
            {
                ((long lowerKey, byte lower), (long key, byte bin)) = (ordered[i - 1], ordered[i]);
                Assert.True(lower <= bin && (bin == 0) == (key == 0), $"{length} keys: {key:X} is in bin {bin}, {lowerKey:X} in {lower}");
                Assert.True(!MagnitudeBins.HasOneKey(bin) || bin != lower || key == lowerKey,
                    $"{length} keys: {lowerKey:X} and {key:X} are in bin {bin}");
            }
        }
    }

    [Fact]
    public void Padding_is_not_counted()
    {
        foreach (int length in Lengths)
        {
            byte[] bins = Bins(length);
            int[] counts = new int[MagnitudeBins.Count];
            MagnitudeBins.CountEach(bins, bins.Length - length, counts);
            Assert.True(Enumerable.Range(0, counts.Length).Select(b => bins.Take(length).Count(bin => bin == b)).SequenceEqual(counts),
                $"{length} bins");
        }
    }

    [Fact]
    public void Draw_keeps_what_is_below_its_limits_and_lists_what_is_within_them()
    {
        foreach (int length in Lengths)
        {
            byte[] bins = Bins(length), randoms = new byte[bins.Length];
            _random.NextBytes(randoms);
            ushort[] limits = [.. Enumerable.Range(0, MagnitudeBins.Count)
                .Select(b => (ushort)(b | (Math.Min(b + _random.Next(3), 255) << 8)))];
            ulong[] mask = new ulong[bins.Length / 64];
            int[] open = new int[bins.Length];
            open = open[..MagnitudeBins.Draw(bins, randoms, limits, mask, open)];
            int[] all = [.. Enumerable.Range(0, bins.Length)];
            Assert.True(all.Select(i => randoms[i] < (byte)limits[bins[i]]).SequenceEqual(all.Select(i => BitMask.IsSet(mask, i))),
                $"{length} bins: the mask");
            Assert.True(all.Where(i => randoms[i] >= (byte)limits[bins[i]] && randoms[i] <= limits[bins[i]] >> 8).SequenceEqual(open),
                $"{length} bins: the list");
        }
    }

    [Fact]
    public void Keys_of_a_bin_are_compared_with_one_of_them()
    {
        foreach (int length in Lengths)
        {
            long[] keys = Keys(length, Float32Fraction);
            int[] narrow = [.. keys.Select(k => (int)k)];
            byte[] bins = [.. keys.Select(new MagnitudeBins(keys.Max(), Float32Fraction).Of)];
            int at = _random.Next(length);
            long[] same = [.. keys.Where((_, i) => bins[i] == bins[at])];
            (int, int) expected = (same.Count(k => k < keys[at]), same.Count(k => k == keys[at]));
            Assert.Equal(expected, MagnitudeBins.Compare(keys, bins, bins[at], keys[at]));
            Assert.Equal(expected, MagnitudeBins.Compare(narrow, bins, bins[at], narrow[at]));
        }
    }

    /// <summary>Bins in whole steps: a few often, others seldom, and zeros at the end.</summary>
    private byte[] Bins(int length) =>
        [.. Enumerable.Range(0, length).Select(_ => (byte)(_random.Next(3) == 0 ? _random.Next(256) : 200 + _random.Next(5))),
            .. Padding<byte>(length)];

    /// <summary>Keys in whole steps: zeros, equal magnitudes, some that differ from them in the last bits, some 40 octaves below, zeros at
    /// the end.</summary>
    private long[] Keys(int length, int fraction)
    {
        long Bits(double value) =>
            fraction == Float64Fraction ? BitConverter.DoubleToInt64Bits(value) : BitConverter.SingleToInt32Bits((float)value);
        double scale = _random.Next(4) switch { 0 => 1e-44, 1 => 1e37, _ => 1 };
        return [.. Enumerable.Range(0, length).Select(_ => _random.Next(6) switch
        {
            0 => 0,
            1 => Bits(scale * _random.NextDouble()),
            2 => Bits(scale * _random.Next(1, 8)) + _random.Next(3),
            3 => Bits(scale * Math.Pow(2, -_random.Next(40))),
            _ => Bits(scale * _random.Next(1, 8)),
        }), .. Padding<long>(length)];
    }

    private static T[] Padding<T>(int length) => new T[MagnitudeBins.Padded(length) - length];
}
