using System.Numerics;

namespace LayerSwap.Tests.Merging.Oracles;

/// <summary>Sums without rounding.</summary>
internal static class Exact
{
    /// <summary>The smallest float64 is 2 to the power of minus this.</summary>
    private const int Point = 1074;

    /// <summary>
    /// Sums the squared distances between any two numbers, which is the variance times the square of their number; in units of the square
    /// of the
    /// smallest float64.
    /// </summary>
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

    /// <summary>Rounds such a sum to float64.</summary>
    public static double ToDouble(BigInteger squares)
    {
        int shift = Math.Max(0, (int)squares.GetBitLength() - 64);
        return Math.ScaleB((double)(ulong)(squares >> shift), shift - (2 * Point));
    }

    /// <summary>Computes a difference in units of the smallest float64.</summary>
    public static BigInteger Difference(double a, double b) => Units(a) - Units(b);

    /// <summary>Converts a finite number to units of the smallest float64.</summary>
    public static BigInteger Units(double number)
    {
        long bits = BitConverter.DoubleToInt64Bits(number), fraction = bits & ((1L << 52) - 1);
        int exponent = (int)(bits >> 52 & 0x7FF);
        BigInteger magnitude = (BigInteger)(exponent == 0 ? fraction : fraction | (1L << 52)) << (Math.Max(exponent, 1) - 1);
        return bits < 0 ? -magnitude : magnitude;
    }
}
