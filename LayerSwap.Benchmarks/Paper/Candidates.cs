using System.Globalization;

namespace LayerSwap.Benchmarks.Paper;

/// <summary>The merges of one pair of experts, with the names of expected.json.</summary>
internal static class Candidates
{
    public static IReadOnlyList<SweepCandidate> Create(
        ModelSet set,
        ICheckpoint @base,
        ICheckpoint math,
        ICheckpoint language,
        SwapSuggestion suggestion)
    {
        MergeBuilder Both() => Merge.Onto(@base).With(math).With(language);
        int layers = LayerMap.Of(@base.Tensors).LayerCount;
        IMergeStrategy dare = MergeStrategies.Dare(
            new DareOptions { Density = set.DareDensity, Lambda = set.DareScale, Rescale = Rescale.Density });
        return
        [
            Named("soup", Merge.Soup(math, language)),
            .. set.Scales.Select(s => Named($"task arithmetic {Text(s)}", Both().TaskArithmetic(s))),
            .. from density in (double[])[0.2, 0.5, 0.8] from lambda in (double[])[0.7, 1]
               select Named($"ties {Text(density)},{Text(lambda)}", Both().Using(new PublishedTies(density, lambda))),
            Named("LayerSwap's ties 0.2,1.0", Both().Using(MergeStrategies.Ties(new TiesOptions { Density = 0.2 }))),
            Named("LayerSwap's ties 0.5,1.0", Both().Using(MergeStrategies.Ties(new TiesOptions { Density = 0.5 }))),
            Named($"dare {Text(set.DareDensity)},{Text(set.DareScale)}", Both().Using(dare)),
            Named("slerp 0.5", Merge.WithoutBase().With(math).With(language).Using(MergeStrategies.Slerp(0.5))),
            Named("model stock", Both().Using(MergeStrategies.ModelStock())),
            Named("control: all layers math", Swap(math, language, 0, 0, 0)),
            .. set.Swaps.Select(s => Named(SwapName(s), Swap(math, language, s.Bottom, s.Top, s.Transition))),
            Named("control: all layers language", Swap(math, language, layers, 0, 0)),
            .. set.Controls.Select(c => Named($"control: roles exchanged {Name(c)}", Swap(language, math, c.Bottom, c.Top, 0))),
            .. set.Controls.Select(c => Named($"control: base outside {Name(c)}", Swap(math, @base, c.Bottom, c.Top, 0))),
            .. set.Controls.Select(c => Named($"control: base inside {Name(c)}", Swap(@base, language, c.Bottom, c.Top, 0))),
            Named("--preset paper-scaled", Merge.LayerSwap(math, language, LayerSwapOptions.PaperScaledTo(layers))),
            .. suggestion.IsConclusive ? [Named("--suggest", Suggested(suggestion, math, language))] : (SweepCandidate[])[],
        ];
    }

    public static string SwapName((int Bottom, int Top, int Transition) swap) =>
        string.Create(CultureInfo.InvariantCulture, $"swap {swap.Bottom},{swap.Top},{swap.Transition}");

    private static MergeBuilder Suggested(SwapSuggestion suggestion, ICheckpoint math, ICheckpoint language) =>
        suggestion.Outer == language.Name
            ? Merge.LayerSwap(math, language, suggestion.ToOptions())
            : Merge.LayerSwap(language, math, suggestion.ToOptions());

    private static MergeBuilder Swap(ICheckpoint task, ICheckpoint language, int bottom, int top, int transition) =>
        Merge.LayerSwap(task, language, new LayerSwapOptions
        {
            Bottom = bottom,
            Top = top,
            TransitionBottom = bottom > 0 ? transition : 0,
            TransitionTop = top > 0 ? transition : 0,
        });

    private static SweepCandidate Named(string name, MergeBuilder merge) => new() { Name = name, Merge = merge };

    private static string Name((int Bottom, int Top) control) =>
        string.Create(CultureInfo.InvariantCulture, $"{control.Bottom},{control.Top},0");

    private static string Text(double value) => value.ToString("0.0", CultureInfo.InvariantCulture);
}
