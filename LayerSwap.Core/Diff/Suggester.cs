using System.Globalization;

namespace LayerSwap.Diff;

/// <summary>Finds the swap that two profiles of change speak for: contiguous layers from each end from one model, the middle from the other.</summary>
internal static class Suggester
{
    /// <summary>The least ratio between outside and inside that is a structure, as a logarithm: a quarter more.</summary>
    private static readonly double LeastContrast = Math.Log(1.25);

    /// <summary>How probable the best of all cuts may at most be where there is nothing but noise. Many cuts are tried, and the best of noise looks like something: each must be so many times as improbable.</summary>
    private const double Chance = 0.02;

    /// <summary>Scores that differ by less are equal but for rounding: taking the first k layers from one model is taking the others from the other one.</summary>
    private const double SameScore = 1e-9;

    /// <summary>What stands for no change beside a model's mean: a ratio needs something.</summary>
    private const double Floor = 1e-3;

    /// <summary>The fewest middle layers that leave room for a transition at each seam.</summary>
    private const int RoomForTransition = 3;

    public static SwapSuggestion Of(DiffMeasurement measured)
    {
        IReadOnlyList<string> models = measured.Models;
        if (models.Count != 2)
        {
            return None($"a swap is suggested between two models; this diff has {models.Count}.");
        }

        IReadOnlyList<DeltaTotal> layers = measured.Layers;
        if (layers.Count == 0)
        {
            return None("the models have no layers to choose from.");
        }

        for (int m = 0; m < 2; m++)
        {
            if (layers.Any(l => l.IsZero(m)))
            {
                return None($"{Printable.Escape(models[m])} has layers whose weights are all zero; what they changed is no fine-tuning.");
            }
        }

        return Of(models, [.. Enumerable.Range(0, 2).Select(m => layers.Select(l => l.MeanAbsolute(m)).ToArray())]);
    }

    /// <param name="models">The two models' names.</param>
    /// <param name="profiles">The change of each layer in each of them.</param>
    public static SwapSuggestion Of(IReadOnlyList<string> models, double[][] profiles)
    {
        double[] sums = [.. profiles.Select(p => p.Sum())];
        for (int m = 0; m < 2; m++)
        {
            if (!(sums[m] > 0) || !double.IsFinite(sums[m]))
            {
                return None(sums[m] == 0 ? $"{Printable.Escape(models[m])} has left all its layers as they are in the base." : $"the changes of {Printable.Escape(models[m])} are not finite.");
            }
        }

        double[] ratios = [.. Enumerable.Range(0, profiles[0].Length).Select(l => Math.Log((profiles[0][l] + (Floor * sums[0] / profiles[0].Length)) / (profiles[1][l] + (Floor * sums[1] / profiles[1].Length))))];
        // Of the two ways to say one cut the one that takes fewer layers.
        (SwapCandidate Candidate, double Contrast, double Errors)[] tried = [.. Candidates(models[0], ratios).Concat(Candidates(models[1], [.. ratios.Select(r => -r)]))
            .OrderByDescending(c => Math.Round(c.Candidate.Score / SameScore)).ThenBy(c => c.Candidate.Bottom + c.Candidate.Top).ThenBy(c => c.Candidate.Bottom).ThenBy(c => c.Candidate.Outer, StringComparer.Ordinal)];
        if (tried.Length == 0)
        {
            return None("there are too few layers to have something outside and something inside.");
        }

        (SwapCandidate best, double contrast, double errors) = tried[0];
        SwapCandidate[] candidates = [.. tried.Select(t => t.Candidate)];
        int cuts = tried.Length / 2;
        if (contrast < LeastContrast || ratios.Length < 3 || StudentT.TwoSided(errors, ratios.Length - 2) > Chance / cuts)
        {
            return None("the two models changed their layers alike: no cut into outer and middle layers tells them apart better than the best of so many cuts would by chance.") with { Candidates = candidates, Score = best.Score };
        }

        string inner = models.First(m => m != best.Outer);
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
            Reason = string.Create(CultureInfo.InvariantCulture, $"Take {Ends(best.Bottom, best.Top)} of {ratios.Length} layers from {Printable.Escape(best.Outer)}, the others from {Printable.Escape(inner)}: beside {Printable.Escape(inner)}, {Printable.Escape(best.Outer)} changed those layers {Math.Exp(contrast):0.#} times as much as it changed the others (the cut explains {best.Score:P0} of the differences between layers).{(IsGradual(ratios, best.Score) ? " The change is gradual with depth: cuts beside this one are nearly as good." : "")}"),
            LayerCount = ratios.Length,
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

    /// <summary>Whether a straight line over depth explains more than the cut.</summary>
    private static bool IsGradual(double[] ratios, double score)
    {
        double mean = ratios.Average(), middle = (ratios.Length - 1) / 2.0;
        double together = ratios.Select((r, l) => (r - mean) * (l - middle)).Sum(), depth = ratios.Select((_, l) => (l - middle) * (l - middle)).Sum(), total = ratios.Sum(r => (r - mean) * (r - mean));
        return together * together / (depth * total) > score;
    }

    private static string Ends(int bottom, int top) => string.Create(CultureInfo.InvariantCulture, $"{(bottom > 0 ? $"the first {bottom}" : "")}{(bottom > 0 && top > 0 ? " and " : "")}{(top > 0 ? $"the last {top}" : "")}");

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
        LayerCount = 0,
        Reason = "No swap is suggested: " + why,
    };
}
