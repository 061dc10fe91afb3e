namespace LayerSwap.Tests.Merging.Oracles;

/// <summary>
/// Which elements a sparsifier keeps. Where as many are kept as a share says, larger abs(d) come first, and of equals the lower index.
/// Changes are compared as the float32 they are
/// computed in (methods.md: element-wise in f32), or else changes that only the wider difference tells apart would not tie; <c>single:
/// false</c> for f64 tensors.
/// </summary>
internal static class KeptSets
{
    /// <summary>Positions from the largest abs(d) to the smallest, equal ones by index.</summary>
    public static int[] Order(double[] d, bool single = true) =>
        [.. Enumerable.Range(0, d.Length).OrderByDescending(i => single ? Math.Abs((float)d[i]) : Math.Abs(d[i])).ThenBy(i => i)];

    /// <summary>Exactly int(density * n) of the largest.</summary>
    public static bool[] Magnitude(double[] d, double density, bool single = true) => WithoutOutliers(d, density, 0, single);

    /// <summary>Drops the int(gamma * n) largest, keeps the next int(density * n); fewer outliers where both do not fit. Density 1 keeps
    /// all.</summary>
    public static bool[] WithoutOutliers(double[] d, double density, double gamma = 0.01, bool single = true)
    {
        bool[] kept = new bool[d.Length];
        if (density >= 1)
        {
            Array.Fill(kept, true);
            return kept;
        }

        int keep = (int)(density * d.Length), drop = Math.Min((int)(gamma * d.Length), d.Length - keep);
        foreach (int i in Order(d, single).Skip(drop).Take(keep))
        {
            kept[i] = true;
        }

        return kept;
    }

    /// <summary>
    /// The keep probability of each element: in its row of m, rank r (0 is the smallest) gives density - epsilon + 2 epsilon r / (m - 1).
    /// Equals share the mean of their ranks.
    /// Rows of one element and scalars: density. Density 1: all kept.
    /// </summary>
    public static double[] Probabilities(double[] d, double density, double epsilon, long[] shape, bool single = true)
    {
        double[] result = new double[d.Length];
        foreach (int[] row in Vectors.Lanes(shape))
        {
            int smaller = 0;
            foreach (IGrouping<double, int> equals in row.GroupBy(i => single ? Math.Abs((float)d[i]) : Math.Abs(d[i])).OrderBy(g => g.Key))
            {
                double rank = smaller + ((equals.Count() - 1) / 2.0);
                smaller += equals.Count();
                foreach (int i in equals)
                {
                    result[i] = density >= 1 ? 1 : row.Length == 1 ? density : density - epsilon + (2 * epsilon * rank / (row.Length - 1));
                }
            }
        }

        return result;
    }
}
