using System.Runtime.Intrinsics;
using LayerSwap.Merging;

namespace LayerSwap.Tests.Merging;

[Trait("Category", "Kernel")]
public sealed class SortKeyTests
{
    private static readonly double[] Hard =
        [0, -0.0, double.Epsilon, float.Epsilon, 0.1, 0.1f, 1, float.MaxValue, 3.5e38, 1e300, double.MaxValue, double.PositiveInfinity];

    [Fact]
    public void Keys_are_ordered_as_magnitudes_and_all_NaNs_are_equal_and_largest()
    {
        foreach (double a in Any().Concat(Hard))
        {
            Assert.True(SortKey.Of(a) == SortKey.Of(-a) && SortKey.Of(a) <= long.MaxValue, $"{a:R}");
            Assert.True(double.IsNaN(a) ? SortKey.Of(a) == SortKey.NaN : SortKey.Of(a) < SortKey.NaN, $"{a:R}");
            foreach (double b in Hard)
            {
                Assert.True(double.IsNaN(a) || Math.Abs(a).CompareTo(b) == SortKey.Of(a).CompareTo(SortKey.Of(b)), $"{a:R} {b:R}");
            }
        }
    }

    [Fact]
    public void Eight_keys_are_the_keys_of_eight_numbers()
    {
        foreach (double[] eight in Any().Chunk(8))
        {
            Vector512<ulong> keys = SortKey.Of(Vector512.Create<double>(eight));
            Assert.True(eight.Select(SortKey.Of).SequenceEqual(Enumerable.Range(0, 8).Select(i => keys[i])), string.Join(' ', eight));
        }
    }

    [Fact]
    public void Floors_are_the_largest_float32_that_is_not_above()
    {
        foreach (double number in Any().Concat(Hard).Select(Math.Abs))
        {
            ulong key = SortKey.Of(number);
            float floor = BitConverter.Int32BitsToSingle(SortKey.FloorToFloat32(key));
            Assert.True(double.IsNaN(number)
                ? float.IsNaN(floor)
                : floor <= number && !(float.BitIncrement(floor) <= number && float.IsFinite(floor)), $"{number:R}");
            Assert.True(SortKey.IsFloat32(key) == (floor == number), $"{number:R}");
        }
    }

    /// <summary>Random bit patterns: NaNs of both signs with payloads, and float64 values close to float32 ones.</summary>
    private static IEnumerable<double> Any()
    {
        Noise noise = new(3);
        return Enumerable.Range(0, 8000).Select(i => (i % 4) switch
        {
            0 => BitConverter.UInt64BitsToDouble(noise.Next()),
            1 => BitConverter.UInt64BitsToDouble(noise.Next() | 0x7FF0_0000_0000_0000),
            _ => BitConverter.UInt32BitsToSingle((uint)noise.Next()) * (1 + ((noise.Below(3) - 1) * 1e-15)),
        });
    }
}
