using System.Runtime.Intrinsics;
using LayerSwap.Numerics;

namespace LayerSwap.Tests.Numerics;

[Trait("Category", "Kernel")]
public sealed class VectorWideningTests
{
    private readonly Noise _noise = new(31);

    [Fact]
    public void Every_BF16_is_widened_alone_and_with_its_neighbours()
    {
        BFloat16[] all = [.. Enumerable.Range(0, 65536).Select(i => new BFloat16((ushort)i))];
        for (int at = 0; at < all.Length; at += 32)
        {
            (Vector512<float> evenFloat32, Vector512<float> oddFloat32) = VectorWidening.Load32AsFloat32(ref all[0], at);
            for (int i = 0; i < 32; i++)
            {
                int first = at + (i / 16 * 16), eighth = at + (i / 8 * 8);
                (Vector512<double> even, Vector512<double> odd) = VectorWidening.Load16(ref all[0], first);
                double[] found =
                [
                    VectorWidening.Load1(all[at + i]), VectorWidening.LoadFloat32(ref all[0], first)[i % 16],
                    VectorWidening.Load8(ref all[eighth])[i % 8],
                    (i % 2 == 0 ? even : odd)[i % 16 / 2], (i % 2 == 0 ? evenFloat32 : oddFloat32)[i / 2],
                ];
                float expected = SixteenBitFloats.FromBFloat16((ushort)(at + i));
                Assert.True(found.All(f => f.Equals(expected)), $"{at + i:X4}: {string.Join(' ', found)}");
            }
        }
    }

    [Fact]
    public void Float32_and_float64_are_loaded_in_order()
    {
        float[] float32 = _noise.AnyFloats(48);
        double[] float64 = [.. float32.Select(f => (double)f)];
        (Vector512<float> first, Vector512<float> second) = VectorWidening.Load32AsFloat32(ref float32[0], 16);
        Assert.Equal(float32[16..], Enumerable.Range(0, 32).Select(i => (i < 16 ? first : second)[i % 16]));
        foreach ((Vector512<double> lower, Vector512<double> upper) in new[]
            { VectorWidening.Load16(ref float32[0], 16), VectorWidening.Load16(ref float64[0], 16) })
        {
            Assert.Equal(float64[16..32], Enumerable.Range(0, 16).Select(i => (i < 8 ? lower : upper)[i % 8]));
        }
    }

    [Fact]
    public void Stored_numbers_are_rounded_once_to_nearest_even()
    {
        BFloat16[] stored = new BFloat16[16];
        float[] float32 = new float[16];
        for (int round = 0; round < 2000; round++)
        {
            // Midpoints between two BF16, numbers close to a midpoint, and any others.
            double[] numbers = [.. Enumerable.Range(0, 16).Select(_ => _noise.Below(3) switch
            {
                0 => BitConverter.UInt32BitsToSingle(((uint)_noise.Next() & (round % 4 == 0 ? 0x807F_0000 : 0xFFFF_0000)) | 0x8000),
                1 => BitConverter.UInt32BitsToSingle(((uint)_noise.Next() & 0xFFFF_0000) | 0x8000) * (1 + ((_noise.Below(5) - 2) * 1e-9)),
                _ => BitConverter.UInt64BitsToDouble(_noise.Next()),
            })];
            VectorWidening.Store16(Half(numbers, i => i % 2 == 0), Half(numbers, i => i % 2 != 0), ref stored[0], 0);
            Assert.Equal(numbers.Select(SmallFloat.BFloat16.Round), stored.Select(s => (double)s.Value));
            Assert.Equal(numbers.Select(VectorWidening.Round<BFloat16>), stored);
            VectorWidening.Store16(Half(numbers, i => i < 8), Half(numbers, i => i >= 8), ref float32[0], 0);
            Assert.Equal(numbers.Select(n => (float)n), float32);
        }

        static Vector512<double> Half(double[] numbers, Func<int, bool> chosen) =>
            Vector512.Create<double>([.. numbers.Where((_, i) => chosen(i))]);
    }
}
