using System.Globalization;

namespace LayerSwap.Diff;

/// <summary>Suggests a layer swap from the deltas of each layer: outer layers from one model, the middle from the other.</summary>
internal static class SwapSuggester
{
    /// <summary>The log of the smallest ratio between outer and inner layers that is a structure.</summary>
    private static readonly double MinContrast = Math.Log(1.25);

    /// <summary>The significance level, divided by the number of candidates: the best of many looks significant even in noise.</summary>
    private const double Significance = 0.02;

    /// <summary>The largest difference of scores that are equal up to rounding.</summary>
    private const double ScoreTolerance = 1e-9;

    /// <summary>A share of the model's mean delta that is added to every layer, so that ratios with unchanged layers are finite.</summary>
    private const double RelativeFloor = 1e-3;

    /// <summary>The fewest middle layers with which each seam gets a transition.</summary>
    private const int MinMiddleForTransition = 3;

    public static SwapSuggestion Suggest(DiffMeasurement measured)
    {
        IReadOnlyList<string> models = measured.Models;
        if (models.Count != 2)
        {
            return CreateInconclusive($"a swap is suggested between two models; this diff has {models.Count}.");
        }

        IReadOnlyList<DeltaTotal> layers = measured.Layers;
        if (layers.Count == 0)
        {
            return CreateInconclusive("the models have no layers to choose from.");
        }

        for (int m = 0; m < 2; m++)
        {
            if (layers.Any(l => l.IsZero(m)))
            {
                string name = Printable.Escape(models[m]);
                return CreateInconclusive($"{name} has layers whose weights are all zero; their deltas are no fine-tuning.");
            }
        }

        return Suggest(models, [.. Enumerable.Range(0, 2).Select(m => layers.Select(l => l.MeanAbsolute(m)).ToArray())]);
    }

    /// <param name="models">The names of two models.</param>
    /// <param name="profiles">The mean absolute delta, (model, layer).</param>
    public static SwapSuggestion Suggest(IReadOnlyList<string> models, double[][] profiles)
    {
        double[] sums = [.. profiles.Select(p => p.Sum())];
        for (int m = 0; m < 2; m++)
        {
            if (sums[m] == 0)
            {
                return CreateInconclusive($"{Printable.Escape(models[m])} has left all its layers as they are in the base.");
            }

            if (!(sums[m] > 0) || !double.IsFinite(sums[m]))
            {
                return CreateInconclusive($"the deltas of {Printable.Escape(models[m])} are not finite.");
            }
        }

        int layers = profiles[0].Length;
        double WithFloor(int model, int layer) => profiles[model][layer] + (RelativeFloor * sums[model] / layers);
        double[] ratios = [.. Enumerable.Range(0, layers).Select(l => Math.Log(WithFloor(0, l) / WithFloor(1, l)))];
        // A swap has two descriptions, with either model outside; of equal scores the one with fewer outer layers wins.
        Trial[] trials =
        [
            .. EnumerateTrials(models[0], ratios).Concat(EnumerateTrials(models[1], [.. ratios.Select(r => -r)]))
                .OrderByDescending(t => Math.Round(t.Candidate.Score / ScoreTolerance))
                .ThenBy(t => t.Candidate.Bottom + t.Candidate.Top)
                .ThenBy(t => t.Candidate.Bottom)
                .ThenBy(t => t.Candidate.Outer, StringComparer.Ordinal),
        ];
        if (trials.Length == 0)
        {
            return CreateInconclusive("there are too few layers to have something outside and something inside.");
        }

        (SwapCandidate best, double contrast, double statistic) = trials[0];
        SwapCandidate[] candidates = [.. trials.Select(t => t.Candidate)];
        int distinct = trials.Length / 2;
        if (contrast < MinContrast || layers < 3 || StudentT.TwoSidedPValue(statistic, layers - 2) > Significance / distinct)
        {
            string why = "the two models changed their layers alike: "
                + "no division into outer and middle layers separates them better than chance.";
            return CreateInconclusive(why) with { Candidates = candidates, Score = best.Score };
        }

        string inner = models.First(m => m != best.Outer);
        int middle = layers - best.Bottom - best.Top;
        return new SwapSuggestion
        {
            IsConclusive = true,
            Outer = best.Outer,
            Inner = inner,
            Bottom = best.Bottom,
            Top = best.Top,
            Transition = middle >= MinMiddleForTransition ? 1 : 0,
            Score = best.Score,
            Candidates = candidates,
            Reason = FormatReason(best, inner, Math.Exp(contrast), ratios),
            LayerCount = layers,
        };
    }

    /// <summary>Evaluates every candidate with at least one outer and one inner layer, as a two-level fit to the log ratios.</summary>
    private static IEnumerable<Trial> EnumerateTrials(string outer, double[] ratios)
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

                double outside = (ratios.Take(bottom).Sum() + ratios.TakeLast(top).Sum()) / count;
                double inside = ((mean * n) - (outside * count)) / (n - count);
                double contrast = outside - inside;
                double explained = contrast * contrast * count * (n - count) / n, residual = Math.Max(total - explained, total * 1e-12);
                double standardError = Math.Sqrt(residual / Math.Max(1, n - 2) * n / (count * (double)(n - count)));
                double score = total == 0 ? 0 : Math.Sign(contrast) * explained / total;
                SwapCandidate candidate = new() { Outer = outer, Bottom = bottom, Top = top, Score = score };
                yield return new Trial(candidate, contrast, standardError == 0 ? 0 : contrast / standardError);
            }
        }
    }

    /// <summary>Whether a straight line over depth explains more than the two levels.</summary>
    private static bool IsGradual(double[] ratios, double score)
    {
        double mean = ratios.Average(), middle = (ratios.Length - 1) / 2.0;
        double covariance = ratios.Select((r, l) => (r - mean) * (l - middle)).Sum();
        double depth = ratios.Select((_, l) => (l - middle) * (l - middle)).Sum();
        double total = ratios.Sum(r => (r - mean) * (r - mean));
        return covariance * covariance / (depth * total) > score;
    }

    private static string FormatReason(SwapCandidate best, string inner, double factor, double[] ratios)
    {
        string outerName = Printable.Escape(best.Outer), innerName = Printable.Escape(inner);
        string gradual = IsGradual(ratios, best.Score)
            ? " The ratio is gradual with depth: neighbouring candidates are nearly as good."
            : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"Take {FormatEnds(best.Bottom, best.Top)} of {ratios.Length} layers from {outerName}, the others from {innerName}: "
                + $"relative to {innerName}, {outerName} changed those layers {factor:0.#} times as much as it changed the others "
                + $"(this explains {best.Score:P0} of the differences between layers).{gradual} "
                + $"It describes deltas and predicts no result: other cuts can be better. Evaluate several.");
    }

    private static string FormatEnds(int bottom, int top)
    {
        string first = bottom > 0 ? $"the first {bottom.ToString(CultureInfo.InvariantCulture)}" : "";
        string last = top > 0 ? $"the last {top.ToString(CultureInfo.InvariantCulture)}" : "";
        return first + (bottom > 0 && top > 0 ? " and " : "") + last;
    }

    private static SwapSuggestion CreateInconclusive(string why) => new()
    {
        IsConclusive = false,
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

    /// <param name="Candidate">The swap and its score.</param>
    /// <param name="Contrast">The difference of the mean log ratios, outer minus inner.</param>
    /// <param name="Statistic">The t statistic of the contrast.</param>
    private sealed record Trial(SwapCandidate Candidate, double Contrast, double Statistic);
}
