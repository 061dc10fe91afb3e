namespace LayerSwap.Tests.Merging.Oracles;

/// <summary>Methods that choose by which sources changed an element: sce, ram, ramplus_tl.</summary>
internal static class Selections
{
    /// <summary>Positions of the largest variance, weights by energy, unweighted signs.</summary>
    public static double[] Sce(double[] x0, double[][] x, double selectTopk = 1)
    {
        bool[] kept = SceKept(x0, x, selectTopk);
        double[][] d = [.. Vectors.Deltas(x0, x).Select(v => v.Select((e, i) => kept[i] ? e : 0).ToArray())];
        double[] energy = [.. d.Select(v => v.Length == 0 ? 0 : Vectors.Dot(v, v) / v.Length)];
        double total = energy.Sum();
        double[] s = [.. energy.Select(e => Math.Abs(total) < 1e-6 ? 1.0 / energy.Length : e / total)];
        double[] result = [.. x0];
        for (int e = 0; e < result.Length; e++)
        {
            int majority = TaskVectors.Majority(d.Select(v => v[e]));
            double sum = 0, divisor = 0;
            for (int i = 0; i < d.Length; i++)
            {
                if (Math.Sign(d[i][e]) == majority)
                {
                    sum += d[i][e] * s[i];
                    divisor += s[i];
                }
            }

            result[e] += sum / Math.Max(divisor, 1e-6);
        }

        return result;
    }

    /// <summary>
    /// int(select_topk * positions that vary) positions, by variance, equal ones by index. Everything at 1 or more (positions where all
    /// sources moved alike too),
    /// and nothing where nothing varies. Dividing the variance by N or by N - 1 chooses the same ones.
    /// </summary>
    public static bool[] SceKept(double[] x0, double[][] x, double selectTopk)
    {
        System.Numerics.BigInteger[] variance = [.. x0.Select((_, e) => Exact.SquaredDistances([.. x.Select(s => s[e] - x0[e])]))];
        int varying = variance.Count(v => v != 0);
        bool[] kept = new bool[x0.Length];
        if (selectTopk >= 1)
        {
            Array.Fill(kept, true);
            return kept;
        }

        foreach (int i in Enumerable.Range(0, kept.Length).OrderByDescending(i => variance[i])
            .ThenBy(i => i).Take((int)(selectTopk * varying)))
        {
            kept[i] = true;
        }

        return kept;
    }

    /// <summary>Changes of one source as they are, those of several averaged over the ones that changed.</summary>
    public static double[] Ram(double[] x0, double[][] x, double epsilon = 1e-5, bool single = true) =>
        Ram(x0, x, epsilon, [.. x.Select(_ => 1.0)], single);

    /// <summary>As ram, but a source's lone part grows with how much of its change is shared, counted in elements.</summary>
    public static double[] RamPlusTl(double[] x0, double[][] x,
        double epsilon = 1e-5, double r = 0.1, double alpha = 0.2, bool single = true)
    {
        bool[][] changed = Changed(x0, x, epsilon, single);
        double[] lone = new double[x.Length], shared = new double[x.Length];
        for (int e = 0; e < x0.Length; e++)
        {
            int count = changed.Count(c => c[e]);
            for (int i = 0; i < x.Length; i++)
            {
                lone[i] += changed[i][e] && count == 1 ? 1 : 0;
                shared[i] += changed[i][e] && count > 1 ? 1 : 0;
            }
        }

        return Ram(x0, x, epsilon, [.. lone.Select((l, i) => 1 + (r * Math.Clamp(shared[i] / Math.Max(l, epsilon), 0, alpha)))], single);
    }

    private static double[] Ram(double[] x0, double[][] x, double epsilon, double[] loneScales, bool single)
    {
        bool[][] changed = Changed(x0, x, epsilon, single);
        double[] result = [.. x0];
        for (int e = 0; e < result.Length; e++)
        {
            int count = changed.Count(c => c[e]);
            for (int i = 0; i < x.Length; i++)
            {
                double d = x[i][e] - x0[e];
                result[e] += !changed[i][e] ? 0 : count == 1 ? d * loneScales[i] : d / count;
            }
        }

        return result;
    }

    private static bool[][] Changed(double[] x0, double[][] x, double epsilon, bool single) =>
        [.. Vectors.Deltas(x0, x).Select(d => d.Select(v => Math.Abs(single ? (float)v : v) > epsilon).ToArray())];
}
