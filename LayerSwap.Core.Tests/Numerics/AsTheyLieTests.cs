using System.Runtime.Intrinsics;
using LayerSwap.Merging;
using LayerSwap.Numerics;
using LayerSwap.Streaming;

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
            Vector512<float> singles = VectorWidening.LoadFloat32(ref all[0], at);
            (Vector512<double> even, Vector512<double> odd) = VectorWidening.Load16(ref all[0], at);
            for (int i = 0; i < 16; i++)
            {
                float expected = SixteenBitFloats.FromBFloat16((ushort)(at + i));
                Assert.Equal(expected, VectorWidening.Load1(all[at + i]));
                Assert.Equal(expected, singles[i]);
                Assert.Equal(expected, (i % 2 == 0 ? even : odd)[i / 2]);
            }
        }
    }

    [Fact]
    public void What_is_stored_is_rounded_once_to_the_nearest_even()
    {
        BFloat16[] stored = new BFloat16[16];
        for (int round = 0; round < 2000; round++)
        {
            // Numbers upon the middle of two, close to it, and any others.
            double[] numbers = [.. Enumerable.Range(0, 16).Select(_ => _noise.Below(3) switch
            {
                0 => BitConverter.UInt32BitsToSingle(((uint)_noise.Next() & (round % 4 == 0 ? 0x807F_0000 : 0xFFFF_0000)) | 0x8000),
                1 => BitConverter.UInt32BitsToSingle(((uint)_noise.Next() & 0xFFFF_0000) | 0x8000) * (1 + ((_noise.Below(5) - 2) * 1e-9)),
                _ => BitConverter.UInt64BitsToDouble(_noise.Next()),
            })];
            VectorWidening.Store16(Lanes(numbers, 0), Lanes(numbers, 1), ref stored[0], 0);
            Assert.Equal(numbers.Select(SmallFloat.BFloat16.Round), stored.Select(s => (double)s.Value));
            Assert.Equal(stored, numbers.Select(VectorWidening.Round<BFloat16>));
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

            ulong[] keys = new ulong[length], expected = new ulong[length], bits = new ulong[BitMask.Words(length)], expectedBits = new ulong[bits.Length];
            KeyKernel.Changes<BFloat16>(origin, tuned, keys);
            KeyKernel.Changes<float>(from, to, expected);
            Assert.Equal(expected, keys);
            ulong one = keys[_noise.Below(length)], other = keys[_noise.Below(length)];
            MaskKernel.Between<BFloat16>(origin, tuned, Math.Min(one, other), Math.Max(one, other), bits);
            MaskKernel.Between<float>(from, to, Math.Min(one, other), Math.Max(one, other), expectedBits);
            Assert.All(Enumerable.Range(0, length), i => Assert.Equal(BitMask.IsSet(expectedBits, i), BitMask.IsSet(bits, i)));
        }
    }

    [Fact]
    public void Masses_are_those_of_widened_elements()
    {
        for (int length = 0; length < 200; length++)
        {
            BFloat16[] origin = Elements(length, finite: true), tuned = Elements(length, finite: true);
            ulong[] bits = [.. Enumerable.Range(0, BitMask.Words(length)).Select(_ => _noise.Next())];
            double[] changes = [.. origin.Zip(tuned, (o, t) => Math.Abs((double)t.Value - o.Value))];
            (double all, double kept) = MaskKernel.Masses<BFloat16>(origin, tuned, bits);
            Assert.Equal(changes.Sum(), all, 1e-12 * length);
            Assert.Equal(changes.Where((_, i) => BitMask.IsSet(bits, i)).Sum(), kept, 1e-12 * length);
        }
    }

    [Fact]
    public void Variances_are_those_of_widened_elements_however_far_apart_sources_lie()
    {
        foreach (int sources in (ReadOnlySpan<int>)[2, 3, 5])
        {
            for (int round = 1; round < 300; round++)
            {
                int length = 1 + (round / 3);
                int stride = length + _noise.Below(9);
                // Weights, any bits, and numbers as far apart as differences in doubles are exact of, or further.
                int exponents = _noise.Below(2) == 0 ? 44 : 75;
                Func<int, BFloat16[]> some = (round % 3) switch { 0 => n => Elements(n, finite: true), 1 => n => Elements(n, finite: false), _ => n => Apart(n, 100, exponents) };
                BFloat16[] origin = some(length), data = some(sources * stride);
                Rows<BFloat16> tuned = new(data.AsSpan(0, (sources * stride) - _noise.Below(stride - length + 1)), length, stride);
                Assert.Equal(sources, tuned.Count);
                Rows<float> wide = new(Widened([.. Enumerable.Range(0, sources).SelectMany(s => data.Skip(s * stride).Take(length))]), length);
                ulong[] keys = new ulong[length], expectedKeys = new ulong[length], bits = new ulong[BitMask.Words(length)], expectedBits = new ulong[bits.Length];
                double[] changes = new double[sources * length], expectedChanges = new double[changes.Length];
                VarianceKernel.Keys(origin, tuned, changes, keys);
                VarianceKernel.Keys(Widened(origin), wide, expectedChanges, expectedKeys);
                Assert.Equal(expectedKeys, keys);
                Assert.Equal(expectedChanges, changes);
                // Any key, the least that is none of equal changes, or, as in blocks after a cut among what is no number, one above all keys.
                ulong low = _noise.Below(6) switch { 0 or 1 => 1, 2 => KeyKernel.NotANumber + 1, _ => keys[_noise.Below(length)] }, high = Math.Max(low, keys[_noise.Below(length)]);
                VarianceKernel.Selected(origin, tuned, low, bits);
                VarianceKernel.Selected(Widened(origin), wide, low, expectedBits);
                Assert.All(Enumerable.Range(0, length), i => Assert.Equal(BitMask.IsSet(expectedBits, i), BitMask.IsSet(bits, i)));
                if (sources == 2)
                {
                    KeyEnergies[] energies = new KeyEnergies[2], expectedEnergies = new KeyEnergies[2];
                    KeyCounts? counts = VarianceKernel.Within(origin, tuned, low, high, bits, energies);
                    Assert.Equal(VarianceKernel.Within(Widened(origin), wide, low, high, expectedBits, expectedEnergies), counts);
                    Assert.Equal(counts is null ? bits : expectedBits, bits);
                    Assert.All(energies.Zip(expectedEnergies), e => Assert.True(counts is null || (Close(e.First.Above, e.Second.Above) && Close(e.First.AtHigh, e.Second.AtHigh) && Close(e.First.AtLow, e.Second.AtLow))));
                }
            }
        }

        static bool Close(double a, double b) => Math.Abs(a - b) <= 1e-13 * Math.Abs(a);
    }

    [Fact]
    public void Magnitudes_tell_how_far_apart_exponents_are_of_all_or_lane_by_lane()
    {
        for (int length = 1; length < 100; length++)
        {
            BFloat16[] elements = Apart(length, 1 + _noise.Below(190), 1 + _noise.Below(60));
            elements[_noise.Below(length)] = new BFloat16((ushort)(_noise.Below(8) == 0 ? 0x7F80 : _noise.Next() & 0x8000));
            for (int exponents = 1; exponents < 62; exponents++)
            {
                Assert.Equal(elements.All(e => (e.Bits & 0x7FFF) < 0x7F80) && AreWithin(elements, exponents), Magnitudes.None.With(elements).AllLieWithin(exponents));
                BFloat16[] lanes = [.. elements, .. Enumerable.Repeat(elements[0], 128)];
                Magnitudes three = Magnitudes.Of(Lanes(lanes, 0)).With(Magnitudes.Of(Lanes(lanes, 32))).With(Magnitudes.Of(Lanes(lanes, 64)));
                Assert.Equal(Enumerable.Range(0, 32).All(i => AreWithin([lanes[i], lanes[32 + i], lanes[64 + i]], exponents)) && lanes.Take(96).All(e => float.Abs(e.Value) < MathF.ScaleB(1, 108)), three.LieWithin(exponents));
            }
        }

        static Vector512<ushort> Lanes(BFloat16[] elements, int from) => Vector512.Create<ushort>([.. elements.Skip(from).Take(32).Select(e => e.Bits)]);

        // Fractions are looked at too: as far apart as that they are a little more than the exponents.
        static bool AreWithin(IEnumerable<BFloat16> elements, int exponents)
        {
            int[] magnitudes = [.. elements.Select(e => e.Bits & 0x7FFF).Where(m => m != 0)];
            return magnitudes.Length == 0 || magnitudes.Max() - magnitudes.Min() < exponents << 7;
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

    /// <summary>Finite numbers of any fractions, of so many exponents, and zeros.</summary>
    private BFloat16[] Apart(int length, int first, int exponents) =>
        [.. Enumerable.Range(0, length).Select(_ => new BFloat16((ushort)((_noise.Next() & 0x8000) | (_noise.Below(8) == 0 ? 0 : ((ulong)(first + _noise.Below(exponents)) << 7) | (_noise.Next() & 0x7F)))))];

    private static float[] Widened(BFloat16[] elements) => [.. elements.Select(e => e.Value)];

    private BFloat16[] Elements(int length, bool finite) => [.. (finite ? _noise.Weights(length) : _noise.AnyFloats(length)).Select(f => new BFloat16(finite ? SixteenBitFloats.ToBFloat16(f) : (ushort)(BitConverter.SingleToUInt32Bits(f) >> 16)))];
}
