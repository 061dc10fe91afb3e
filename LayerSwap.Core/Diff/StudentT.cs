namespace LayerSwap.Diff;

/// <summary>Student's t distribution for integer degrees of freedom (Abramowitz and Stegun 26.7.3 and 26.7.4).</summary>
internal static class StudentT
{
    /// <summary>Computes the two-sided p-value: the probability of a value at least as far from 0.</summary>
    /// <param name="t">The t statistic.</param>
    /// <param name="freedom">The degrees of freedom, 1 or more.</param>
    public static double TwoSidedPValue(double t, int freedom)
    {
        double angle = Math.Atan(Math.Abs(t) / Math.Sqrt(freedom)), sine = Math.Sin(angle);
        double square = Math.Cos(angle) * Math.Cos(angle);
        double term = freedom % 2 == 0 ? 1 : Math.Cos(angle), sum = freedom == 1 ? 0 : term;
        for (int k = freedom % 2 == 0 ? 2 : 3; k < freedom; k += 2)
        {
            term *= square * (k - 1) / k;
            sum += term;
        }

        return Math.Clamp(1 - (freedom % 2 == 0 ? sine * sum : 2 / Math.PI * (angle + (sine * sum))), 0, 1);
    }
}
