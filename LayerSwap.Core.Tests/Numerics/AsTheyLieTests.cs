using System.Runtime.Intrinsics;
using LayerSwap.Numerics;

namespace LayerSwap.Tests.Numerics;

/// <summary>Kernels that read BF16 as it lies give what they give of the same elements widened.</summary>
public sealed class AsTheyLieTests
{
    private readonly Noise _noise = new(31);

    [Fact]
    public void All_patterns_are_widened_one_by_one_and_sixteen_together()
    {
        BFloat16[] all = [.. Enumerable.Range(0, 65536).Select(i => new BFloat16((ushort)i))];
        for (int at = 0; at < all.Length; at += 16)
        {
            Vector512<float> singles = Wide.Singles(ref all[0], at);
            (Vector512<double> even, Vector512<double> odd) = Wide.Sixteen(ref all[0], at);
            for (int i = 0; i < 16; i++)
            {
                float expected = Scalar16.FromBFloat16((ushort)(at + i));
                Assert.Equal(expected, Wide.One(all[at + i]));
                Assert.Equal(expected, singles[i]);
                Assert.Equal(expected, (i % 2 == 0 ? even : odd)[i / 2]);
            }
        }
    }

    [Fact]
    public void What_is_stored_is_rounded_to_a_single_and_then_to_the_nearest_even()
    {
        BFloat16[] stored = new BFloat16[16];
        for (int round = 0; round < 2000; round++)
        {
            // Numbers upon the middle of two, close to it, and any others.
            double[] numbers = [.. Enumerable.Range(0, 16).Select(_ => _noise.Below(3) switch
            {
                0 => BitConverter.UInt32BitsToSingle(((uint)_noise.Next() & 0xFFFF_0000) | 0x8000),
                1 => BitConverter.UInt32BitsToSingle(((uint)_noise.Next() & 0xFFFF_0000) | 0x8000) * (1 + ((_noise.Below(5) - 2) * 1e-9)),
                _ => BitConverter.UInt64BitsToDouble(_noise.Next()),
            })];
            Wide.Store(Lanes(numbers, 0), Lanes(numbers, 1), ref stored[0], 0);
            Assert.Equal(numbers.Select(n => Scalar16.ToBFloat16((float)n)), stored.Select(s => s.Bits));
            Assert.Equal(stored, numbers.Select(Wide.Narrow<BFloat16>));
        }

        static Vector512<double> Lanes(double[] numbers, int first) => Vector512.Create<double>([.. numbers.Where((_, i) => i % 2 == first)]);
    }

    [Fact]
    public void One_that_is_not_finite_is_seen_wherever_it_is()
    {
        for (int length = 0; length < 140; length++)
        {
            BFloat16[] elements = Elements(length, finite: true);
            Assert.True(NonFinite.HasNone(elements));
            for (int i = 0; i < length; i++)
            {
                BFloat16 own = elements[i];
                foreach (ushort bits in (ReadOnlySpan<ushort>)[0x7F80, 0xFF80, 0x7FC0, 0xFF81])
                {
                    elements[i] = new BFloat16(bits);
                    Assert.False(NonFinite.HasNone(elements));
                }

                elements[i] = own;
            }
        }
    }

    [Fact]
    public void Keys_and_what_lies_between_two_of_them_are_those_of_widened_elements()
    {
        for (int length = 1; length < 200; length++)
        {
            // With every second length any bits at all, NaNs and differences that no single holds among them.
            BFloat16[] origin = Elements(length, length % 2 == 0), tuned = Elements(length, length % 2 == 0);
            float[] from = Widened(origin), to = Widened(tuned);
            int[] singles = new int[RankKernel.Padded(length)], expectedSingles = new int[singles.Length];
            bool exact = KeyKernel.TryChanges(from, to, expectedSingles, out int expectedLargest);
            Assert.Equal(exact, KeyKernel.TryChanges(origin, tuned, singles, out int largest));
            Assert.Equal(exact ? expectedSingles : singles, singles);
            Assert.Equal(exact ? expectedLargest : largest, largest);

            ulong[] keys = new ulong[length], expected = new ulong[length], bits = new ulong[Bits.Words(length)], expectedBits = new ulong[bits.Length];
            KeyKernel.Changes<BFloat16>(origin, tuned, keys);
            KeyKernel.Changes<float>(from, to, expected);
            Assert.Equal(expected, keys);
            ulong one = keys[_noise.Below(length)], other = keys[_noise.Below(length)];
            MaskKernel.Between<BFloat16>(origin, tuned, Math.Min(one, other), Math.Max(one, other), bits);
            MaskKernel.Between<float>(from, to, Math.Min(one, other), Math.Max(one, other), expectedBits);
            Assert.All(Enumerable.Range(0, length), i => Assert.Equal(Bits.IsSet(expectedBits, i), Bits.IsSet(bits, i)));
        }
    }

    [Fact]
    public void Masses_are_those_of_widened_elements()
    {
        for (int length = 0; length < 200; length++)
        {
            BFloat16[] origin = Elements(length, finite: true), tuned = Elements(length, finite: true);
            ulong[] bits = [.. Enumerable.Range(0, Bits.Words(length)).Select(_ => _noise.Next())];
            double[] changes = [.. origin.Zip(tuned, (o, t) => Math.Abs((double)t.Value - o.Value))];
            (double all, double kept) = MaskKernel.Masses<BFloat16>(origin, tuned, bits);
            Assert.Equal(changes.Sum(), all, 1e-12 * length);
            Assert.Equal(changes.Where((_, i) => Bits.IsSet(bits, i)).Sum(), kept, 1e-12 * length);
        }
    }

    [Fact]
    public void Variances_are_those_of_widened_elements_however_far_apart_sources_lie()
    {
        foreach (int sources in (ReadOnlySpan<int>)[2, 3, 5])
        {
            for (int length = 1; length < 100; length++)
            {
                int stride = length + _noise.Below(9);
                BFloat16[] origin = Elements(length, length % 2 == 0), data = Elements(sources * stride, length % 2 == 0);
                Rows<BFloat16> tuned = new(data.AsSpan(0, (sources * stride) - _noise.Below(stride - length + 1)), length, stride);
                Assert.Equal(sources, tuned.Count);
                Rows<float> wide = new(Widened([.. Enumerable.Range(0, sources).SelectMany(s => data.Skip(s * stride).Take(length))]), length);
                ulong[] keys = new ulong[length], expectedKeys = new ulong[length], bits = new ulong[Bits.Words(length)], expectedBits = new ulong[bits.Length];
                double[] changes = new double[sources * length], expectedChanges = new double[changes.Length];
                VarianceKernel.Keys(origin, tuned, changes, keys);
                VarianceKernel.Keys(Widened(origin), wide, expectedChanges, expectedKeys);
                Assert.Equal(expectedKeys, keys);
                Assert.Equal(expectedChanges, changes);
                ulong low = keys[_noise.Below(length)], high = Math.Max(low, keys[_noise.Below(length)]);
                VarianceKernel.Selected(origin, tuned, low, bits);
                VarianceKernel.Selected(Widened(origin), wide, low, expectedBits);
                Assert.Equal(expectedBits, bits);
                if (sources == 2)
                {
                    KeyEnergies[] energies = new KeyEnergies[2], expectedEnergies = new KeyEnergies[2];
                    Assert.Equal(VarianceKernel.Within(Widened(origin), wide, low, high, expectedBits, expectedEnergies), VarianceKernel.Within(origin, tuned, low, high, bits, energies));
                    Assert.Equal(expectedBits, bits);
                    Assert.Equal(expectedEnergies, energies);
                }
            }
        }
    }

    [Fact]
    public void Rows_apart_are_counted_and_found()
    {
        int[] data = [.. Enumerable.Range(0, 23)];
        Rows<int> rows = new(data, 5, 9);
        Assert.Equal(3, rows.Count);
        Assert.Equal([9, 10, 11, 12, 13], rows[1].ToArray());
        Assert.Equal([18, 19, 20, 21, 22], rows.From(1)[1].ToArray());
        Assert.Equal(0, rows.From(3).Count);
        Assert.Equal(0, new Rows<int>([], 0).Count);
        Assert.Equal(0, new Rows<int>([], 5).Count);
    }

    private static float[] Widened(BFloat16[] elements) => [.. elements.Select(e => e.Value)];

    private BFloat16[] Elements(int length, bool finite) => [.. (finite ? _noise.Weights(length) : _noise.AnyFloats(length)).Select(f => new BFloat16(finite ? Scalar16.ToBFloat16(f) : (ushort)(BitConverter.SingleToUInt32Bits(f) >> 16)))];
}
