using LayerSwap.Merging;
using LayerSwap.Numerics;

namespace LayerSwap.Tests.Numerics;

/// <summary>Keys of changes, in doubles and in singles, against plain loops.</summary>
public sealed class KeyKernelTests
{
    private readonly Random _random = new(6);

    [Fact]
    public void Changes_in_singles_are_those_of_doubles_or_are_refused()
    {
        for (int length = 1; length < 120; length++)
        {
            // Few bits, as 16-bit numbers have: all differences are exact.
            float[] origin = [.. Enumerable.Range(0, length).Select(_ => _random.Next(-40, 40) / 8f)], tuned = [.. Enumerable.Range(0, length).Select(_ => _random.Next(-40, 40) / 8f)];
            int[] keys = new int[RankKernel.Padded(length)];
            Assert.True(KeyKernel.TryChanges(origin, tuned, keys, out int largest));
            Assert.Equal(keys.Max(), largest);
            Assert.Equal(origin.Zip(tuned, (o, t) => BitConverter.SingleToInt32Bits(Math.Abs(t - o))), keys[..length]);
            Assert.All(keys[length..], k => Assert.Equal(0, k));
            foreach (float wrong in (float[])[1e-9f, float.NaN, float.PositiveInfinity])
            {
                float[] other = [.. tuned];
                other[_random.Next(length)] = wrong;
                origin[Array.IndexOf(other, wrong)] = 5;
                Assert.False(KeyKernel.TryChanges(origin, other, keys, out _));
            }
        }
    }

    [Fact]
    public void Changes_in_doubles_are_differences()
    {
        for (int length = 0; length <= 200; length++)
        {
            float[] origin = Special(length), tuned = Special(length);
            ulong[] keys = new ulong[length];
            KeyKernel.Changes<float>(origin, tuned, keys);
            for (int i = 0; i < length; i++)
            {
                double change = (double)tuned[i] - origin[i];
                Assert.Equal(double.IsNaN(change) ? KeyKernel.NotANumber : BitConverter.DoubleToUInt64Bits(Math.Abs(change)), keys[i]);
            }
        }
    }

    [Fact]
    public void Keys_are_counted_and_found_and_measured_by_where_they_lie()
    {
        for (int length = 0; length <= 200; length++)
        {
            ulong low = (ulong)_random.Next(20), high = low + (ulong)_random.Next(20);
            ulong[] keys = [.. Enumerable.Range(0, length).Select(i => i % 17 == 0 ? long.MaxValue : (ulong)_random.Next(50))];
            int[] places = new int[length];
            Assert.Equal(Counts(keys, low, high), KeyKernel.Within(keys, low, high, places));
            int[] within = [.. Enumerable.Range(0, length).Where(i => keys[i] > low && keys[i] < high)];
            Assert.Equal(within, places[..within.Length]);
            double[] values = [.. keys.Select((k, i) => k % 5 == 4 ? double.NaN : (i % 9) - 4.0)];
            KeyEnergies energies = SumKernel.Squares(values, keys, low, high);
            double[] sums = [.. ((IEnumerable<Func<ulong, bool>>)[k => k > high, k => k == high, k => k == low && low != high]).Select(p => values.Where((_, i) => p(keys[i])).Sum(v => v * v))];
            Assert.Equal<double>(sums, (double[])[energies.Above, energies.AtHigh, energies.AtLow]);
        }
    }

    [Fact]
    public void Singles_are_counted_and_found_by_the_bounds_of_doubles()
    {
        for (int length = 0; length <= 200; length++)
        {
            float[] singles = [.. Enumerable.Range(0, length).Select(_ => _random.Next(5) switch { 0 => 0, 1 => 0.25f, 2 => float.Epsilon, 3 => float.MaxValue, _ => (float)_random.NextDouble() })];
            ulong[] keys = [.. singles.Select(s => RankThreshold.KeyOf(s))];

            // Bounds upon keys, between them, and beyond all singles.
            ulong[] bounds = [.. Enumerable.Range(0, 2).Select(_ => _random.Next(5) switch
            {
                0 => 0UL,
                1 => (ulong)long.MaxValue,
                2 when length > 0 => keys[_random.Next(length)],
                3 => RankThreshold.KeyOf(_random.Next(2) == 0 ? 1e300 : float.Epsilon),
                _ => RankThreshold.KeyOf(_random.NextDouble()),
            })];
            Array.Sort(bounds);
            // Or so near that no single lies between them, or the same.
            bounds[1] = _random.Next(6) switch { 0 when bounds[0] < long.MaxValue => bounds[0] + 1, 1 => bounds[0], _ => bounds[1] };
            int[] found = new int[length + KeyKernel.Room];
            KeyCounts counts = KeyKernel.Within([.. singles.Select(BitConverter.SingleToInt32Bits)], bounds[0], bounds[1], found);
            Assert.Equal(Counts(keys, bounds[0], bounds[1]), counts);
            Assert.Equal(keys.Where(k => k > bounds[0] && k < bounds[1]), found[..counts.Within].Select(b => RankThreshold.KeyOf(BitConverter.Int32BitsToSingle(b))));
        }
    }

    private static KeyCounts Counts(ulong[] keys, ulong low, ulong high) =>
        new(keys.Count(k => k > high), keys.Count(k => k == high), low == high ? 0 : keys.Count(k => k == low), keys.Count(k => k > low && k < high), keys.Count(k => k == 0));

    private float[] Special(int length) =>
        [.. Enumerable.Range(0, length).Select(_ => _random.Next(12) switch { 0 => BitConverter.Int32BitsToSingle(_random.Next(0x7F80_0001, int.MaxValue)), 1 => float.PositiveInfinity, 2 => float.MaxValue, 3 => -0f, 4 => float.Epsilon, _ => (float)_random.NextDouble() - 0.5f })];
}
