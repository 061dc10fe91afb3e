namespace LayerSwap.Tests.Numerics;

/// <summary>Float64 that go wrong if rounded twice, through float32: midpoints of a small format, and their neighbours.</summary>
internal static class HardDoubles
{
    public static IEnumerable<double> Of(SmallFloat format)
    {
        double[] magnitudes = format.Magnitudes();
        for (int i = 0; i + 1 < magnitudes.Length; i++)
        {
            double midpoint = (magnitudes[i] + magnitudes[i + 1]) / 2;
            double tiny = Math.ScaleB(magnitudes[i + 1] - magnitudes[i], -25);
            double[] hard = [magnitudes[i], midpoint, Math.BitIncrement(midpoint),
                Math.BitDecrement(midpoint), midpoint + tiny, midpoint - tiny];
            foreach (double value in hard)
            {
                yield return value;
                yield return -value;
            }
        }

        foreach (double value in (double[])[1e300, double.MaxValue,
            double.PositiveInfinity, double.Epsilon, 1e-60, 0, float.MaxValue * (1 + 1e-9)])
        {
            yield return value;
            yield return -value;
        }

        yield return double.NaN;
    }
}
