using LayerSwap.Benchmarks.Synthetic;

namespace LayerSwap.Tests.Merging;

/// <summary>Layers go to the expert that spent the larger share of its change on them.</summary>
public sealed class ShareSwapTests
{
    private static readonly LlamaShape Shape = new() { Layers = 6 };

    private static ICheckpoint Base => new GeneratedModel("base", Shape);

    private static ICheckpoint Outer => new GeneratedModel("outer", Shape, 1, layer => layer is 0 or 5 ? 0.05 : 0.005);

    /// <summary>Moves twice as far in all, most of it in the middle: shares count, not lengths.</summary>
    private static ICheckpoint Middle => new GeneratedModel("middle", Shape, 2, layer => layer is 2 or 3 ? 0.1 : 0.02);

    [Fact]
    public async Task Each_layer_has_the_larger_share_or_the_average()
    {
        LayerDiffReport diff = await LayerDiff.From(Base).To(Outer, Middle).RunAsync();
        MergePlan plan = Merge.Onto(Base).With(Outer).With(Middle).Using(MergeStrategies.ShareSwap(diff, 0.1)).Plan();
        string[] sources = [.. Enumerable.Range(0, 6)
            .Select(layer => string.Join('+', plan.Tensors.First(t => t.Place.Layer == layer).Sources))];
        double[] a = Shares(diff, "outer"), b = Shares(diff, "middle");
        string[] expected = [.. a.Zip(b, (p, q) => p - q > 0.1 ? "outer" : q - p > 0.1 ? "middle" : "outer+middle")];
        Assert.Equal(expected, sources);
        Assert.Equal(["outer", "middle"], [sources[0], sources[2]]);
        Assert.Equal(["outer", "middle"], plan.Tensors.Single(t => t.Tensor.Name == "lm_head.weight").Sources);
    }

    [Fact]
    public async Task Another_order_of_models_another_grouping_and_one_model_are_rejected()
    {
        LayerDiffReport diff = await LayerDiff.From(Base).To(Outer, Middle).RunAsync();
        Assert.Contains("same order",
            Assert.Throws<MergeException>(() => Merge.Onto(Base).With(Middle).With(Outer)
                .Using(MergeStrategies.ShareSwap(diff)).Plan()).Message, StringComparison.Ordinal);
        LayerDiffReport tensors = await LayerDiff.From(Base).To(Outer, Middle).GroupBy(LayerGrouping.Tensor).RunAsync(),
            one = await LayerDiff.From(Base).To(Outer).RunAsync();
        Assert.Throws<ArgumentException>(() => MergeStrategies.ShareSwap(tensors));
        Assert.Throws<ArgumentException>(() => MergeStrategies.ShareSwap(one));
    }

    private static double[] Shares(LayerDiffReport diff, string model)
    {
        double[] changes = [.. diff.Entries.Where(e => e.Model == model && e.Layer is not null).OrderBy(e => e.Layer).Select(e => e.L2)];
        return [.. changes.Select(c => c / changes.Sum())];
    }
}
