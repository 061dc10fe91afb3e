using System.Runtime.Intrinsics;
using LayerSwap.Merging;
using LayerSwap.Numerics;
using LayerSwap.Streaming;

namespace LayerSwap.Tests.Numerics;

/// <summary>Bits of elements, and the changes that they keep, against plain loops.</summary>
public sealed class BitsTests
{
    private readonly Random _random = new(13);

    [Fact]
    public void Bits_are_copied_from_any_place_to_any_other_and_those_around_stay()
    {
        for (int count = 0; count < 300; count++)
        {
            int first = _random.Next(140), at = _random.Next(140);
            ulong[] from = Words(BitMask.Words(first + count)), to = Words(BitMask.Words(at + count) + 1), before = [.. to];
            BitMask.Copy(from, first, to, at, count);
            Assert.All(Enumerable.Range(0, to.Length * 64), i => Assert.Equal(i >= at && i < at + count ? BitMask.IsSet(from, first + i - at) : BitMask.IsSet(before, i), BitMask.IsSet(to, i)));
        }
    }

    [Fact]
    public void Eight_bits_are_one_in_each_lane()
    {
        ulong[] bits = Words(3);
        for (int at = 0; at < 192; at += 8)
        {
            Assert.Equal(Enumerable.Range(0, 8).Select(i => BitMask.IsSet(bits, at + i)), Enumerable.Range(0, 8).Select(i => BitMask.Eight(ref bits[0], at)[i] != 0));
        }
    }

    [Fact]
    public void Sixteen_bits_lie_as_their_elements_do()
    {
        ulong[] bits = Words(3);
        for (int at = 0; at < 192; at += 16)
        {
            bool[] sixteen = [.. Enumerable.Range(0, 16).Select(i => BitMask.IsSet(bits, at + i))];
            Assert.Equal(sixteen, Enumerable.Range(0, 16).Select(i => BitMask.Sixteen(ref bits[0], at)[i] != 0));
            int first = at / 32 * 32;
            Assert.Equal(Enumerable.Range(0, 32).Select(i => BitMask.IsSet(bits, first + i)), Enumerable.Range(0, 32).Select(i => BitMask.ThirtyTwo(ref bits[0], first)[i] != 0));
            (Vector512<ulong> lower, Vector512<ulong> upper) = BitMask.SixteenWide<float>(ref bits[0], at);
            Assert.Equal(sixteen, Enumerable.Range(0, 16).Select(i => (i < 8 ? lower[i] : upper[i - 8]) != 0));
            ushort all = (ushort)(bits[at / 64] >> (at % 64));
            Assert.Equal(all, BitMask.Joined<float>(Ones(lower), Ones(upper), 8));
            (lower, upper) = BitMask.SixteenWide<BFloat16>(ref bits[0], at);
            Assert.Equal(sixteen, Enumerable.Range(0, 16).Select(i => (i % 2 == 0 ? lower : upper)[i / 2] != 0));
            Assert.Equal(all, BitMask.Joined<BFloat16>(Ones(lower), Ones(upper), 8));
        }

        static ulong Ones(Vector512<ulong> lanes) => (~Vector512.Equals(lanes, default)).ExtractMostSignificantBits();
    }

    [Fact]
    public void Thirty_two_bits_are_joined_from_halves()
    {
        ulong word = Words(1)[0] & uint.MaxValue, even = 0, odd = 0;
        for (int i = 0; i < 16; i++)
        {
            even |= (word >> (2 * i) & 1) << i;
            odd |= (word >> ((2 * i) + 1) & 1) << i;
        }

        Assert.Equal(word, BitMask.Joined<BFloat16>(even, odd, 16));
        Assert.Equal(word, BitMask.Joined<float>(word & 0xFFFF, word >> 16, 16));
    }

    [Fact]
    public void Kept_changes_are_differences_where_a_bit_is_set() => KeptChangesAre<float>(v => (float)v);

    [Fact]
    public void Kept_changes_of_doubles_are_too() => KeptChangesAre<double>(v => v);

    [Fact]
    public void Kept_changes_of_finite_elements_as_they_lie_are_too() => KeptChangesAre<BFloat16>(v => new BFloat16(SixteenBitFloats.ToBFloat16(double.IsFinite(v) ? (float)v : 0.25f)));

    private void KeptChangesAre<T>(Func<double, T> of)
        where T : unmanaged
    {
        const int Sources = 3;
        for (int length = 1; length < 200; length++)
        {
            T[] origin = [.. Values(length).Select(of)], tuned = [.. Values(Sources * length).Select(of)];
            ulong[] bits = Words(Sources * BitMask.Words(length));
            KeptChanges<T> changes = new(origin, new Rows<T>(tuned, length), bits);
            for (int source = 0; source < Sources; source++)
            {
                for (int i = 0; i < length; i++)
                {
                    double expected = BitMask.IsSet(bits.AsSpan(source * BitMask.Words(length)), i) ? VectorWidening.Load1(tuned[(source * length) + i]) - VectorWidening.Load1(origin[i]) : 0;
                    Assert.Equal(expected, changes.One(source, i));
                    if (i % 16 == 0 && i + 16 <= length)
                    {
                        (Vector512<double> lower, Vector512<double> upper) = VectorWidening.Load16(ref origin[0], i);
                        (lower, upper) = changes.Sixteen(source, i, lower, upper);
                        for (int k = 0; k < 16; k++)
                        {
                            Assert.Equal(changes.One(source, i + k), typeof(T) == typeof(BFloat16) ? (k % 2 == 0 ? lower : upper)[k / 2] : (k < 8 ? lower : upper)[k % 8]);
                        }
                    }
                }
            }

            // One set of bits for all sources, and the energies of what is kept.
            KeptChanges<T> shared = new(origin, new Rows<T>(tuned, length), bits.AsSpan(0, BitMask.Words(length)));
            double[] kept = [.. Enumerable.Range(0, length).Select(i => BitMask.IsSet(bits, i) ? VectorWidening.Load1(tuned[(2 * length) + i]) - VectorWidening.Load1(origin[i]) : 0)];
            for (int i = 0; i < length; i++)
            {
                Assert.Equal(kept[i], shared.One(2, i));
            }

            Assert.Equal(kept.Sum(c => c * c), SumKernel.Squares(origin, shared, 2), 1e-9);
        }
    }

    private ulong[] Words(int count) => [.. Enumerable.Range(0, count).Select(_ => (ulong)_random.NextInt64(long.MinValue, long.MaxValue))];

    private double[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => _random.Next(9) switch { 0 => double.NaN, 1 => double.PositiveInfinity, 2 => -0.0, _ => _random.NextDouble() - 0.5 })];
}
