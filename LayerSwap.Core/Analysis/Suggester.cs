using System.Globalization;

namespace LayerSwap.Analysis;

/// <summary>Finds the swap that two profiles of change speak for: contiguous layers from each end from one model, the middle from the other.</summary>
internal static class Suggester
{
    /// <summary>The least score that is a structure: a twentieth of each model's change lies where the other's does not.</summary>
    private const double LeastScore = 0.1;

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

        double[] ahead = [.. Enumerable.Range(0, profiles[0].Length).Select(l => (profiles[0][l] / sums[0]) - (profiles[1][l] / sums[1]))];
        SwapCandidate[] candidates = [.. Candidates(report.Models[0], ahead).Concat(Candidates(report.Models[1], [.. ahead.Select(a => -a)])).OrderByDescending(c => c.Score)
            .ThenBy(c => c.Bottom + c.Top).ThenBy(c => c.Bottom)];
        if (candidates.Length == 0)
        {
            return None("there are too few layers to have a bottom, a middle and a top.");
        }

        SwapCandidate best = candidates[0];
        string score = best.Score.ToString("0.###", CultureInfo.InvariantCulture);
        if (best.Score < LeastScore)
        {
            return None($"the two models changed their layers alike: the best swap would score {score} of 2, and less than {LeastScore.ToString(CultureInfo.InvariantCulture)} is no structure.") with { Candidates = candidates, Score = best.Score };
        }

        string inner = report.Models.First(m => m != best.Outer);
        int middle = ahead.Length - best.Bottom - best.Top;
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
            Reason = string.Create(CultureInfo.InvariantCulture, $"{Printable.Escape(best.Outer)} spent more of its change on the first {best.Bottom} and last {best.Top} layers of {ahead.Length}, {Printable.Escape(inner)} on the middle (score {score} of 2)."),
        };
    }

    /// <summary>All ways with at least one layer outside and one inside.</summary>
    private static IEnumerable<SwapCandidate> Candidates(string outer, double[] ahead)
    {
        double[] sums = new double[ahead.Length + 1];
        for (int l = 0; l < ahead.Length; l++)
        {
            sums[l + 1] = sums[l] + ahead[l];
        }

        for (int bottom = 0; bottom < ahead.Length; bottom++)
        {
            for (int top = 0; bottom + top < ahead.Length; top++)
            {
                if (bottom + top > 0)
                {
                    double outside = sums[bottom] + sums[^1] - sums[ahead.Length - top];
                    yield return new SwapCandidate { Outer = outer, Bottom = bottom, Top = top, Score = outside - (sums[^1] - outside) };
                }
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
