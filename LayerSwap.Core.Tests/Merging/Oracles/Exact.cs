using System.Numerics;

namespace LayerSwap.Tests.Merging.Oracles;

/// <summary>Sums without rounding.</summary>
internal static class Exact
{
    /// <summary>The bits behind the point that the smallest double has.</summary>
    private const int Point = 1074;

    /// <summary>The sum of the squares of the distances between any two numbers, which is the variance times the square of how many there are; in units of the smallest double's square.</summary>
    public static BigInteger SquaredDistances(IReadOnlyList<double> numbers)
    {
        BigInteger sum = 0;
        for (int i = 0; i < numbers.Count; i++)
        {
            for (int j = 0; j < i; j++)
            {
                BigInteger apart = Difference(numbers[i], numbers[j]);
                sum += apart * apart;
            }
        }

        return sum;
    }

    /// <summary>The same, rounded to a double.</summary>
    public static double ToDouble(BigInteger squares)
    {
        int shift = Math.Max(0, (int)squares.GetBitLength() - 64);
        return Math.ScaleB((double)(ulong)(squares >> shift), shift - (2 * Point));
    }

    /// <summary>A difference in units of the smallest double.</summary>
    public static BigInteger Difference(double a, double b) => Units(a) - Units(b);

    /// <summary>A finite number in units of the smallest double.</summary>
    public static BigInteger Units(double number)
    {
        long bits = BitConverter.DoubleToInt64Bits(number), fraction = bits & ((1L << 52) - 1);
        int exponent = (int)(bits >> 52 & 0x7FF);
        BigInteger magnitude = (BigInteger)(exponent == 0 ? fraction : fraction | (1L << 52)) << (Math.Max(exponent, 1) - 1);
        return bits < 0 ? -magnitude : magnitude;
    }
}
