using System.Globalization;

namespace LayerSwap.Benchmarks.Paper;

/// <summary>The merges of one pair of experts that the paper compares, with the names of the miniature's expected.json.</summary>
internal static class Candidates
{
    private static readonly (int Bottom, int Top)[] Controls = [(1, 1), (2, 1), (2, 2)];

    public static IReadOnlyList<SweepCandidate> Of(ICheckpoint @base, ICheckpoint math, ICheckpoint language)
    {
        MergeBuilder Both() => Merge.Onto(@base).With(math).With(language);
        int layers = LayerMap.Of(@base.Tensors).LayerCount;
        return
        [
            Named("soup", Merge.Soup(math, language)),
            .. ((double[])[0.7, 1]).Select(l => Named($"task arithmetic {Text(l)}", Both().TaskArithmetic(l))),
            .. from density in (double[])[0.2, 0.5, 0.8] from lambda in (double[])[0.7, 1]
               select Named($"ties {Text(density)},{Text(lambda)}", Both().Using(new PublishedTies(density, lambda))),
            Named("LayerSwap's ties 0.5,1.0", Both().Using(MergeStrategies.Ties(new TiesOptions { Density = 0.5 }))),
            Named("dare 0.5", Both().Using(MergeStrategies.Dare(new DareOptions { Density = 0.5, Rescale = Rescale.Density }))),
            Named("slerp 0.5", Merge.WithoutBase().With(math).With(language).Using(MergeStrategies.Slerp(0.5))),
            Named("model stock", Both().Using(MergeStrategies.ModelStock())),
            .. Swaps(math, language),
            .. Controls.Select(c => Named($"control: roles exchanged {c.Bottom},{c.Top},0", Swap(language, math, c.Bottom, c.Top, 0))),
            .. Controls.Select(c => Named($"control: base outside {c.Bottom},{c.Top},0", Swap(math, @base, c.Bottom, c.Top, 0))),
            Named("control: all layers math", Swap(math, language, 0, 0, 0)),
            Named("control: all layers language", Swap(math, language, layers, 0, 0)),
        ];
    }

    /// <summary>Enumerates the swaps of up to two bottom and three top layers.</summary>
    public static IEnumerable<SweepCandidate> Swaps(ICheckpoint math, ICheckpoint language) =>
        from b in Enumerable.Range(0, 3)
        from u in Enumerable.Range(0, 4)
        from t in (int[])[0, 1]
        where b + u > 0
        select Named(string.Create(CultureInfo.InvariantCulture, $"swap {b},{u},{t}"), Swap(math, language, b, u, t));

    private static MergeBuilder Swap(ICheckpoint task, ICheckpoint language, int bottom, int top, int transition) =>
        Merge.LayerSwap(task, language, new LayerSwapOptions
        {
            Bottom = bottom,
            Top = top,
            TransitionBottom = bottom > 0 ? transition : 0,
            TransitionTop = top > 0 ? transition : 0,
        });

    private static SweepCandidate Named(string name, MergeBuilder merge) => new() { Name = name, Merge = merge };

    private static string Text(double value) => value.ToString("0.0", CultureInfo.InvariantCulture);
}
