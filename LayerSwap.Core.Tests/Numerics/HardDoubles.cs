namespace LayerSwap.Tests.Numerics;

/// <summary>Doubles at which rounding twice, by way of a float, goes wrong: middles of a small format, and doubles a hair beside them.</summary>
internal static class HardDoubles
{
    public static IEnumerable<double> Of(SmallFloat format)
    {
        double[] magnitudes = format.Magnitudes();
        for (int i = 0; i + 1 < magnitudes.Length; i++)
        {
            double middle = (magnitudes[i] + magnitudes[i + 1]) / 2;
            double hair = Math.ScaleB(magnitudes[i + 1] - magnitudes[i], -25);
            foreach (double value in new[] { magnitudes[i], middle, Math.BitIncrement(middle), Math.BitDecrement(middle), middle + hair, middle - hair })
            {
                yield return value;
                yield return -value;
            }
        }

        foreach (double value in new[] { 1e300, double.MaxValue, double.PositiveInfinity, double.Epsilon, 1e-60, 0, (double)float.MaxValue * (1 + 1e-9) })
        {
            yield return value;
            yield return -value;
        }

        yield return double.NaN;
    }
}
