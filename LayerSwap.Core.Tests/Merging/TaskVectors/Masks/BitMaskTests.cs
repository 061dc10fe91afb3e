using System.Runtime.Intrinsics;
using LayerSwap.Merging;
using LayerSwap.Numerics;

namespace LayerSwap.Tests.Merging;

[Trait("Category", "Kernel")]
public sealed class BitMaskTests
{
    private readonly Random _random = new(13);

    [Fact]
    public void Bits_are_copied_between_any_places_and_bits_around_them_stay()
    {
        for (int count = 0; count < 300; count++)
        {
            int first = _random.Next(140), at = _random.Next(140);
            ulong[] from = Words(BitMask.WordCount(first + count)), to = Words(BitMask.WordCount(at + count) + 1), before = [.. to];
            BitMask.Copy(from, first, to, at, count);
            bool[] expected = [.. Bits(before)];
            Bits(from).Skip(first).Take(count).ToArray().CopyTo(expected, at);
            Assert.True(expected.SequenceEqual(Bits(to)), $"{count} bits from {first} to {at}");
        }
    }

    [Fact]
    public void Lanes_are_zero_where_bits_are_not_set()
    {
        ulong[] mask = Words(3);
        for (int at = 0; at < 192; at += 16)
        {
            bool[] bits = [.. Bits(mask).Skip(at).Take(16)];
            Vector512<ulong> lower = BitMask.Lanes8(ref mask[0], at), upper = BitMask.Lanes8(ref mask[0], at + 8);
            Assert.Equal(bits, Enumerable.Range(0, 16).Select(i => (i < 8 ? lower : upper)[i % 8] != 0));
            Assert.Equal(bits, Enumerable.Range(0, 16).Select(i => BitMask.Lanes16(ref mask[0], at)[i] != 0));
            Assert.Equal((lower, upper), BitMask.Lanes16<float>(ref mask[0], at));
            (Vector512<ulong> even, Vector512<ulong> odd) = BitMask.Lanes16<BFloat16>(ref mask[0], at);
            Assert.Equal(bits, Enumerable.Range(0, 16).Select(i => (i % 2 == 0 ? even : odd)[i / 2] != 0));
        }
    }

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    public void Halves_are_joined_in_the_order_of_the_elements(int count)
    {
        ulong word = Words(1)[0] & (ulong.MaxValue >> (64 - (2 * count))), even = 0, odd = 0;
        for (int i = 0; i < count; i++)
        {
            even |= (word >> (2 * i) & 1) << i;
            odd |= (word >> ((2 * i) + 1) & 1) << i;
        }

        Assert.Equal(word, BitMask.Join<BFloat16>(even, odd, count));
        Assert.Equal(word, BitMask.Join<float>(word & (ulong.MaxValue >> (64 - count)), word >> count, count));
    }

    private static IEnumerable<bool> Bits(ulong[] mask) => Enumerable.Range(0, mask.Length * 64).Select(i => BitMask.IsSet(mask, i));

    private ulong[] Words(int count) => [.. Enumerable.Range(0, count).Select(_ => (ulong)_random.NextInt64(long.MinValue, long.MaxValue))];
}
