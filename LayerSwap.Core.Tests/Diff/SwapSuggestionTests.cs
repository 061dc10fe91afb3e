using LayerSwap.Benchmarks.Synthetic;

namespace LayerSwap.Tests.Diff;

/// <summary>The suggestion recovers how models were made, and says so where there is nothing to recover.</summary>
public sealed class SwapSuggestionTests
{
    [Theory]
    [InlineData(8, 2, 1)]
    [InlineData(16, 4, 2)]
    [InlineData(32, 5, 2)]
    [InlineData(12, 3, 0)]
    [InlineData(12, 0, 4)]
    public async Task A_construction_is_recovered_under_noise(int layers, int bottom, int top)
    {
        LlamaShape shape = new() { Layers = layers, DType = DType.Float32 };
        bool Outside(int? layer) => layer < bottom || layer >= layers - top;
        double Noise(int? layer, int seed) => 1 + (0.3 * Math.Sin((layer ?? 0) * 12.9898 * seed));
        using ICheckpoint baseModel = new GeneratedModel("base", shape),
            language = new GeneratedModel("language", shape, 1, l => (Outside(l) ? 0.01 : 0.004) * Noise(l, 1)),
            task = new GeneratedModel("task", shape, 2, l => (Outside(l) ? 0.004 : 0.01) * Noise(l, 2));
        foreach (LayerGrouping grouping in new[] { LayerGrouping.Layer, LayerGrouping.Tensor })
        {
            SwapSuggestion suggestion = (await LayerDiff.From(baseModel).To(task, language).GroupBy(grouping).RunAsync()).Suggest();
            Assert.True(suggestion.IsConclusive, suggestion.Reason);
            Assert.Equal(("language", "task", bottom, top), (suggestion.Outer, suggestion.Inner, suggestion.Bottom, suggestion.Top));
            // A cut at one end can be read from either model, to scores that are the same but for rounding.
            Assert.Equal(suggestion.Candidates.Max(c => c.Score), suggestion.Score, 1e-12);
            // Every way with something outside and something inside, for either model outside.
            Assert.Equal(((layers * (layers + 1) / 2) - 1) * 2, suggestion.Candidates.Count);
        }
    }

    /// <summary>Taking the first three from one is taking the last from the other: the one that takes fewer is said, whatever the order of
    /// the models.</summary>
    [Theory]
    [InlineData(12, 3, 0)]
    [InlineData(12, 0, 4)]
    [InlineData(32, 3, 0)]
    [InlineData(9, 0, 2)]
    public async Task A_split_at_one_end_has_one_suggestion(int layers, int bottom, int top)
    {
        LlamaShape shape = new() { Layers = layers, DType = DType.Float32 };
        bool Outside(int? layer) => layer < bottom || layer >= layers - top;
        for (ulong seed = 0; seed < 8; seed++)
        {
            Noise noise = new(seed + 1);
            double[] a = [.. noise.Weights(layers).Select(w => Math.Exp(Math.Clamp(w, -1, 1) * 0.1))],
                b = [.. noise.Weights(layers).Select(w => Math.Exp(Math.Clamp(w, -1, 1) * 0.1))];
            using ICheckpoint baseModel = new GeneratedModel("base", shape),
                outer = new GeneratedModel("outer", shape, 1, l => (Outside(l) ? 0.01 : 0.002) * (l is { } n ? a[n] : 1)),
                inner = new GeneratedModel("inner", shape, 2, l => (Outside(l) ? 0.002 : 0.01) * (l is { } n ? b[n] : 1));
            foreach (ICheckpoint[] order in new[] { new[] { outer, inner }, [inner, outer] })
            {
                SwapSuggestion suggestion = (await LayerDiff.From(baseModel).To(order).RunAsync()).Suggest();
                Assert.Equal(("outer", bottom, top), (suggestion.Outer, suggestion.Bottom, suggestion.Top));
                SwapSuggestion turned = suggestion.Inverted()!;
                Assert.Equal(("inner", top == 0 ? 0 : layers - top, bottom == 0 ? 0 : layers - bottom),
                    (turned.Outer, turned.Bottom, turned.Top));
            }
        }
    }

    /// <summary>The best of many splits of noise can look significant, most of all with few layers.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(6)]
    [InlineData(8)]
    [InlineData(16)]
    public void Noise_is_inconclusive(int layers)
    {
        Random random = new(layers);
        int found = 0;
        for (int round = 0; round < 400; round++)
        {
            double[] Changes() =>
                [.. Enumerable.Range(0, layers)
                    .Select(_ =>
                        Math.Exp(0.3 * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
            found += LayerSwap.Diff.SwapSuggester.Suggest(["a", "b"], [Changes(), Changes()]).IsConclusive ? 1 : 0;
        }

        Assert.True(found <= 12, $"{found} of 400");
    }

    [Fact]
    public async Task Inconclusive_diffs_say_why()
    {
        LlamaShape shape = new() { Layers = 8, DType = DType.Float32 };
        using ICheckpoint baseModel = new GeneratedModel("base", shape),
            a = new GeneratedModel("a", shape, 1, _ => 0.01), b = new GeneratedModel("b", shape, 2, _ => 0.003);
        SwapSuggestion alike = (await LayerDiff.From(baseModel).To(a, b).RunAsync()).Suggest();
        Assert.False(alike.IsConclusive);
        Assert.Contains("alike", alike.Reason, StringComparison.Ordinal);
        Assert.Contains("has left all its layers",
            (await LayerDiff.From(baseModel).To(a, baseModel).RunAsync()).Suggest().Reason, StringComparison.Ordinal);
        using ICheckpoint dead = SmallModels.Of("dead", DType.Float32,
            [.. baseModel.Tensors.Select(t => (t.Name, t.Shape.Extents.ToArray(),
                t.Name.Contains("layers.3.", StringComparison.Ordinal)
                    ? new double[t.ElementCount]
                    : SmallModels.Values(baseModel, t.Name)))]);
        Assert.Contains("all zero", (await LayerDiff.From(baseModel).To(a, dead).RunAsync()).Suggest().Reason, StringComparison.Ordinal);
        Assert.Contains("two models", (await LayerDiff.From(baseModel).To(a).RunAsync()).Suggest().Reason, StringComparison.Ordinal);
    }
}
