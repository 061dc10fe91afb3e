using LayerSwap.Benchmarks.Synthetic;

namespace LayerSwap.Tests.Diff;

/// <summary>Tests layers selected by a diff, and merges of exactly these layers.</summary>
public sealed class LayerSetTests
{
    private const double Much = 0.004, Little = 0.001;

    private static readonly LlamaShape Eight = new() { Layers = 8, DType = DType.Float32 };

    public static TheoryData<DiffMetric> Metrics => [.. Enum.GetValues<DiffMetric>()];

    /// <param name="layers">How many.</param>
    /// <param name="bottom">How many of the first the language expert changed more.</param>
    /// <param name="top">How many of the last.</param>
    /// <param name="language">How heavy its fine-tuning is beside the other.</param>
    [Theory]
    [InlineData(8, 2, 1, 1)]
    [InlineData(16, 4, 2, 10)]
    [InlineData(32, 5, 2, 0.1)]
    [InlineData(12, 3, 0, 1)]
    [InlineData(12, 0, 4, 10)]
    public async Task A_plan_takes_exactly_the_layers_that_changed_more(int layers, int bottom, int top, double language)
    {
        LlamaShape shape = new() { Layers = layers };
        bool Outside(int? layer) => layer < bottom || layer >= layers - top;
        using ICheckpoint baseModel = new GeneratedModel("base", shape),
            a = new GeneratedModel("task", shape, 1, l => Outside(l) ? Little : Much),
            b = new GeneratedModel("language", shape, 2, l => (Outside(l) ? Much : Little) * language);
        LayerDiffReport diff = await LayerDiff.From(baseModel).To(a, b).RunAsync();
        int[] outer = [.. Enumerable.Range(0, layers).Where(l => Outside(l))];
        Assert.Equal(outer, diff.MoreIn(b).Layers);
        Assert.Equal(Enumerable.Range(0, layers).Except(outer), diff.MoreIn(a).Layers);

        MergePlan plan = Merge.Onto(a).Swap(diff.MoreIn(b).Contiguous(), from: b).Plan();
        Assert.Equal(a.Tensors.Count, plan.Tensors.Count);
        foreach (PlannedTensor tensor in plan.Tensors)
        {
            Assert.Equal(PlannedOperation.Take, tensor.Operation);
            Assert.Equal([Outside(tensor.Place.Layer) ? "language" : "task"], tensor.Sources);
        }
    }

    [Fact]
    public async Task Contiguous_layers_reach_from_the_ends_without_a_gap()
    {
        (LayerDiffReport diff, ICheckpoint b) = await DiffAsync(0, 1, 4, 7);
        LayerSet more = diff.MoreIn(b);
        Assert.Equal([0, 1, 4, 7], more.Layers);
        Assert.Equal([0, 1, 7], more.Contiguous().Layers);
        Assert.Equal([2, 3, 5, 6], more.OtherLayers().Layers);
        Assert.Equal([2, 3, 4, 5, 6], more.Contiguous().OtherLayers().Layers);
        Assert.Empty(more.OtherLayers().Contiguous().Layers);
        Assert.Equal(Enumerable.Range(0, 8), diff.In(b).Contiguous().Layers);
    }

    [Fact]
    public async Task Others_selects_the_remaining_layers_only()
    {
        (LayerDiffReport diff, ICheckpoint b) = await DiffAsync(0, 1, 7);
        LayerMap map = LayerMap.Of(b.Tensors);
        LayerSet set = diff.MoreIn(b);
        Assert.Equal("Layers.At(0, 1, 7)", set.ToString());
        Assert.Equal(set.Layers, set.LayersOf(map));
        Assert.False(set.OtherLayers().Matches(map["lm_head.weight"]));
        Assert.True((!set).Matches(map["lm_head.weight"]));
        Assert.Equal([2, 3, 4, 5, 6], (!set).LayersOf(map));
    }

    [Fact]
    public async Task Highest_and_Above_narrow_the_current_selection()
    {
        using ICheckpoint baseModel = new GeneratedModel("base", Eight),
            rising = new GeneratedModel("rising", Eight, 1, l => l is { } layer ? 0.001 * (layer + 1) : 0),
            falling = new GeneratedModel("falling", Eight, 2, l => l is { } layer ? 0.001 * (8 - layer) : 0);
        LayerDiffReport diff = await LayerDiff.From(baseModel).To(rising, falling).RunAsync();
        LayerSet all = diff.In(rising);
        Assert.Equal(Enumerable.Range(0, 8), all.Layers);
        Assert.Equal([5, 6, 7], all.Top(3).Layers);
        Assert.Equal(Enumerable.Range(0, 8), all.Top(100).Layers);
        Assert.Equal([4, 5, 6, 7], all.Above(0.0045).Layers);
        // Above is exclusive: the greatest is not above itself.
        Assert.Empty(all.Above(all.Scores.Max()).Layers);
        Assert.Equal([4, 5, 6, 7], all.Above(0.0045).Top(100).Layers);
        Assert.Equal([0, 1, 2, 3], diff.MoreIn(falling).Top(100).Layers);
        Assert.Equal([0, 1], diff.MoreIn(falling).Above(0).Top(2).Layers);
        Assert.Equal([0, 1, 2, 3], diff.MoreIn(falling).Above(-1).Layers);
        Assert.Throws<ArgumentOutOfRangeException>(() => all.Top(0));
    }

    [Fact]
    public async Task Of_equal_scores_the_lower_layers_are_chosen()
    {
        ICheckpoint Model(string name, double value) =>
            SmallModels.Of(name, DType.Float32,
                [.. Enumerable.Range(0, 6).Select(l => ($"model.layers.{l}.mlp.w.weight", (long[])[1, 2], (double[])[value, value]))]);
        ICheckpoint b = Model("b", 1);
        Assert.Equal([0, 1], (await LayerDiff.From(Model("a", 0)).To(b).RunAsync()).In(b).Top(2).Layers);
    }

    [Theory]
    [MemberData(nameof(Metrics))]
    public async Task Scores_are_the_metric_that_ranks_and_the_lead_in_shares_of_it(DiffMetric metric)
    {
        using ICheckpoint baseModel = new GeneratedModel("base", Eight);
        ICheckpoint[] models = [.. Enumerable.Range(1, 3)
            .Select(m => new GeneratedModel($"m{m}", Eight, m, l => ((l ?? 0) + m) % 4 * 0.001 * m))];
        LayerDiffReport diff = await LayerDiff.From(baseModel).To(models).GroupBy(LayerGrouping.Component).RankBy(metric).RunAsync();
        double[][] scores = [.. models.Select(m => Enumerable.Range(0, 8).Select(l => Score(metric, baseModel, m, l)).ToArray())];
        for (int m = 0; m < 3; m++)
        {
            DeltaOracle.Near(scores[m], diff.In(models[m]).Scores);
            LayerSet more = diff.MoreIn(models[m]);
            List<int> expected = [];
            for (int l = 0; l < 8; l++)
            {
                double share = scores[m][l] / scores[m].Sum(),
                    best = Enumerable.Range(0, 3).Where(o => o != m).Max(o => scores[o][l] / scores[o].Sum());
                // A difference of shares has their error, not its own.
                Assert.Equal(share - best, more.Scores[l], 1e-7);
                if (share > best)
                {
                    expected.Add(l);
                }
            }

            Assert.Equal(expected, more.Layers);
        }
    }

    [Theory]
    [MemberData(nameof(Metrics))]
    public async Task An_unchanged_layer_belongs_to_no_model(DiffMetric metric)
    {
        using ICheckpoint baseModel = new GeneratedModel("base", Eight), a = new GeneratedModel("a", Eight, 1, l => l is 2 or 5 ? 0 : Much),
            b = new GeneratedModel("b", Eight, 2, l => l is 2 or 5 ? 0 : Little);
        LayerDiffReport diff = await LayerDiff.From(baseModel).To(a, b).RankBy(metric).RunAsync();
        Assert.Empty(diff.MoreIn(a).Layers.Concat(diff.MoreIn(b).Layers).Intersect([2, 5]));
        Assert.Equal([0, 1, 3, 4, 6, 7], diff.In(a).Above(0).Layers);
    }

    [Fact]
    public async Task Only_the_main_stack_counts()
    {
        ICheckpoint Model(string name, double first, double second) =>
            SmallModels.Of(name, DType.Float32,
                [.. ((string[])["vision_tower.encoder.layers", "language_model.model.layers"]).SelectMany(stack =>
            ((double[])[first, second]).Select((v, l) => ($"{stack}.{l}.mlp.w.weight", (long[])[1, 2], (double[])[v, v])))]);
        ICheckpoint a = Model("a", 1, 2), b = Model("b", 2, 1);
        LayerDiffReport diff = await LayerDiff.From(Model("base", 0, 0)).To(a, b).RunAsync();
        MergePlan plan = Merge.Onto(a).Swap(diff.MoreIn(b), from: b).Plan();
        Assert.Equal(["language_model.model.layers.0.mlp.w.weight"],
            plan.Tensors.Where(t => t.Sources.Contains("b")).Select(t => t.Tensor.Name));
    }

    [Fact]
    public async Task Models_that_were_not_compared_are_rejected_by_name()
    {
        (LayerDiffReport diff, ICheckpoint b) = await DiffAsync(0);
        using ICheckpoint stranger = new GeneratedModel("stranger", Eight, 5, _ => 0.001);
        Assert.Contains("stranger", Assert.Throws<ArgumentException>("model", () => diff.In(stranger)).Message, StringComparison.Ordinal);
        string message = Assert.Throws<ArgumentException>("model", () => diff.MoreIn(stranger)).Message;
        Assert.All((string[])["stranger", "task", "language"], name => Assert.Contains(name, message, StringComparison.Ordinal));
        Assert.Throws<ArgumentNullException>("model", () => diff.In(null!));
        Assert.Throws<ArgumentNullException>("model", () => diff.MoreIn(null!));

        using ICheckpoint baseModel = new GeneratedModel("base", Eight);
        LayerDiffReport single = await LayerDiff.From(baseModel).To(b).RunAsync();
        Assert.Throws<ArgumentException>("model", () => single.In(baseModel));
        Assert.Contains("two models", Assert.Throws<InvalidOperationException>(() => single.MoreIn(b)).Message, StringComparison.Ordinal);
        Assert.Equal([0], single.In(b).Top(1).Layers);
    }

    /// <summary>A task expert and a language expert which changed these layers more.</summary>
    private static async Task<(LayerDiffReport Diff, ICheckpoint Language)> DiffAsync(params int[] more)
    {
        ICheckpoint b = new GeneratedModel("language", Eight, 2, l => l is { } layer && more.Contains(layer) ? Much : Little);
        return (await LayerDiff.From(new GeneratedModel("base", Eight)).To(new GeneratedModel("task", Eight, 1, _ => Much), b).RunAsync(),
            b);
    }

    private static double Score(DiffMetric metric, ICheckpoint baseModel, ICheckpoint fineTuned, int layer)
    {
        string[] names = [.. baseModel.Tensors.Select(t => t.Name)
            .Where(n => n.StartsWith($"model.layers.{layer}.", StringComparison.Ordinal))];
        double[] x = [.. names.SelectMany(n => SmallModels.Values(baseModel, n))],
            y = [.. names.SelectMany(n => SmallModels.Values(fineTuned, n))], d = [.. x.Zip(y, (a, b) => Math.Abs(b - a))];
        double Norm(double[] values) => Math.Sqrt(values.Sum(v => v * v));
        return metric switch
        {
            DiffMetric.MeanAbsolute => d.Average(),
            DiffMetric.RelativeMeanAbsolute => d.Sum() / x.Sum(Math.Abs),
            DiffMetric.L2 => Norm(d),
            DiffMetric.RelativeL2 => Norm(d) / Norm(x),
            // The smaller the cosine, the larger the change; of what has not changed it is 1.
            DiffMetric.Cosine => d.All(v => v == 0) ? 0 : 1 - (x.Zip(y, (a, b) => a * b).Sum() / (Norm(x) * Norm(y))),
            _ => d.Count(v => v != 0) / (double)d.Length,
        };
    }
}
