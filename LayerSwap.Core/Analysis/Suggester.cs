using System.Globalization;

namespace LayerSwap.Analysis;

/// <summary>Finds the swap that two profiles of change speak for: contiguous layers from each end from one model, the middle from the other.</summary>
internal static class Suggester
{
    /// <summary>The least ratio between outside and inside that is a structure, as a logarithm: a quarter more.</summary>
    private static readonly double LeastContrast = Math.Log(1.25);

    /// <summary>How many standard errors the contrast must be: many candidates are tried, and the best of noise looks like something.</summary>
    private const double LeastErrors = 5;

    /// <summary>What stands for no change beside a model's mean: a ratio needs something.</summary>
    private const double Floor = 1e-3;

    /// <summary>The fewest middle layers that leave room for a transition at each seam.</summary>
    private const int RoomForTransition = 3;

    public static SwapSuggestion Of(LayerDiffReport report)
    {
        if (report.Models.Count != 2)
        {
            return None($"a swap is suggested between two models; this diff has {report.Models.Count}.");
        }

        if (report.GroupedBy == LayerGrouping.Component)
        {
            return None("a swap is suggested from changes by layer or by tensor; this diff is by component.");
        }

        double[][] profiles = [.. report.Models.Select(m => Profile(report, m))];
        if (profiles[0].Length == 0 || profiles[0].Length != profiles[1].Length)
        {
            return None("the models have no layers to choose from.");
        }

        double[] sums = [.. profiles.Select(p => p.Sum())];
        for (int m = 0; m < 2; m++)
        {
            if (!(sums[m] > 0) || !double.IsFinite(sums[m]))
            {
                return None(sums[m] == 0 ? $"{Printable.Escape(report.Models[m])} is the base: its layers have not changed." : $"the changes of {Printable.Escape(report.Models[m])} are not finite.");
            }
        }

        double[] ratios = [.. Enumerable.Range(0, profiles[0].Length).Select(l => Math.Log((profiles[0][l] + (Floor * sums[0] / profiles[0].Length)) / (profiles[1][l] + (Floor * sums[1] / profiles[1].Length))))];
        (SwapCandidate Candidate, double Contrast, double Errors)[] tried = [.. Candidates(report.Models[0], ratios).Concat(Candidates(report.Models[1], [.. ratios.Select(r => -r)]))
            .OrderByDescending(c => c.Candidate.Score).ThenBy(c => c.Candidate.Bottom + c.Candidate.Top).ThenBy(c => c.Candidate.Bottom)];
        if (tried.Length == 0)
        {
            return None("there are too few layers to have something outside and something inside.");
        }

        (SwapCandidate best, double contrast, double errors) = tried[0];
        SwapCandidate[] candidates = [.. tried.Select(t => t.Candidate)];
        if (contrast < LeastContrast || errors < LeastErrors)
        {
            return None("the two models changed their layers alike: no cut into outer and middle layers tells them apart.") with { Candidates = candidates, Score = best.Score };
        }

        string inner = report.Models.First(m => m != best.Outer);
        int middle = ratios.Length - best.Bottom - best.Top;
        return new SwapSuggestion
        {
            HasStructure = true,
            Outer = best.Outer,
            Inner = inner,
            Bottom = best.Bottom,
            Top = best.Top,
            Transition = middle >= RoomForTransition ? 1 : 0,
            Score = best.Score,
            Candidates = candidates,
            Reason = string.Create(CultureInfo.InvariantCulture, $"of {ratios.Length} layers the first {best.Bottom} and last {best.Top} changed most in {Printable.Escape(best.Outer)} beside {Printable.Escape(inner)}: {Math.Exp(contrast):0.##} times what the middle did (score {best.Score:0.###} of 1)."),
        };
    }

    /// <summary>All ways with at least one layer outside and one inside: how well two levels, outside and inside, explain the logarithms of the ratios.</summary>
    private static IEnumerable<(SwapCandidate Candidate, double Contrast, double Errors)> Candidates(string outer, double[] ratios)
    {
        int n = ratios.Length;
        double mean = ratios.Average(), total = ratios.Sum(r => (r - mean) * (r - mean));
        for (int bottom = 0; bottom < n; bottom++)
        {
            for (int top = 0; bottom + top < n; top++)
            {
                int count = bottom + top;
                if (count == 0)
                {
                    continue;
                }

                double outside = (ratios.Take(bottom).Sum() + ratios.TakeLast(top).Sum()) / count, inside = ((mean * n) - (outside * count)) / (n - count), contrast = outside - inside;
                double explained = contrast * contrast * count * (n - count) / n, left = Math.Max(total - explained, total * 1e-12);
                double error = Math.Sqrt(left / Math.Max(1, n - 2) * n / (count * (double)(n - count)));
                SwapCandidate candidate = new() { Outer = outer, Bottom = bottom, Top = top, Score = total == 0 ? 0 : Math.Sign(contrast) * explained / total };
                yield return (candidate, contrast, error == 0 ? 0 : contrast / error);
            }
        }
    }

    /// <summary>The mean absolute change of each layer of the main stack, which is the one with the most parameters.</summary>
    private static double[] Profile(LayerDiffReport report, string model)
    {
        IEnumerable<DiffEntry>? stack = report.Entries.Where(e => e.Model == model && e.Layer is not null).GroupBy(StackOf, StringComparer.Ordinal).MaxBy(g => g.Sum(e => e.Parameters));
        return stack is null ? [] : [.. stack.GroupBy(e => e.Layer!.Value).OrderBy(g => g.Key).Select(g => g.Sum(e => e.MeanAbsolute * e.Parameters) / Math.Max(1, g.Sum(e => e.Parameters)))];
    }

    private static string StackOf(DiffEntry entry)
    {
        string number = "." + entry.Layer!.Value.ToString(CultureInfo.InvariantCulture);
        int at = entry.Name.EndsWith(number, StringComparison.Ordinal) ? entry.Name.Length - number.Length : entry.Name.IndexOf(number + ".", StringComparison.Ordinal);
        return at < 0 ? "" : entry.Name[..at];
    }

    private static SwapSuggestion None(string why) => new()
    {
        HasStructure = false,
        Outer = "",
        Inner = "",
        Bottom = 0,
        Top = 0,
        Transition = 0,
        Score = 0,
        Candidates = [],
        Reason = "No swap is suggested: " + why,
    };
}
