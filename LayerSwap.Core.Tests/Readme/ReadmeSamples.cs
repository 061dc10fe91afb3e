namespace LayerSwap.Tests.Readme;

/// <summary>The samples of the README, in its order. A test compares them with the page and runs them on models of sixteen
/// layers.</summary>
internal static class ReadmeSamples
{
    public static async Task RunAsync()
    {
        #region sample
        using ICheckpoint math = Checkpoint.Open("models/llama-8b-math");          // a folder or a file
        using ICheckpoint swahili = Checkpoint.Open("models/llama-8b-swahili");

        MergeResult merged = await Merge.LayerSwap(task: math, language: swahili, bottom: 5, top: 2, transition: 1)
            .SaveAsync("out/math-swahili");
        #endregion

        Assert.Single(merged.Plan.Files);

        #region sample
        using ICheckpoint baseline = Checkpoint.Open("models/llama-8b");

        LayerDiffReport diff = await LayerDiff.From(baseline).To(math, swahili)
            .GroupBy(LayerGrouping.Layer).RankBy(DiffMetric.MeanAbsolute)
            .RunAsync();
        Console.WriteLine(diff);                                                  // an aligned table
        diff.SaveHtml("diff.html");                                               // one page, no network; ToSvg, SaveJson, SaveCsv
        #endregion

        #region sample
        await Merge.Onto(math).Swap(Layers.First(5) | Layers.Last(2), from: swahili).SaveAsync("out/outer");
        await Merge.Onto(math).Swap(diff.MoreIn(swahili).Contiguous(), from: swahili).SaveAsync("out/by-diff");
        await Merge.Soup(math, swahili).SaveAsync("out/soup");
        await Merge.Onto(baseline).With(math).With(swahili, weight: 0.6).TaskArithmetic(scale: 0.8).SaveAsync("out/arithmetic");
        #endregion

        #region sample
        MergePlan plan = Merge.Onto(baseline).With(math).With(swahili)
            .Using(MergeStrategies.TaskArithmetic(scale: 0.8))
            .For(Layers.Embeddings | Layers.Head, MergeStrategies.Linear())
            .For(Layers.Norms, MergeStrategies.Keep)
            .As(DType.BFloat16).InShardsOf(5.GB())
            .Plan();
        Console.WriteLine(plan);                                                  // steps, bytes, peak memory, warnings
        await plan.ExecuteAsync("out/rules");
        #endregion
    }
}
