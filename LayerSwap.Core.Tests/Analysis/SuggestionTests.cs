using LayerSwap.Benchmarks.Synthetic;

namespace LayerSwap.Tests.Analysis;

/// <summary>The suggestion recovers how models were made, and says so where there is nothing to recover.</summary>
public sealed class SuggestionTests
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
        using ICheckpoint origin = new GeneratedModel("base", shape), language = new GeneratedModel("language", shape, 1, l => (Outside(l) ? 0.01 : 0.004) * Noise(l, 1)),
            task = new GeneratedModel("task", shape, 2, l => (Outside(l) ? 0.004 : 0.01) * Noise(l, 2));
        foreach (LayerGrouping grouping in new[] { LayerGrouping.Layer, LayerGrouping.Tensor })
        {
            SwapSuggestion suggestion = (await LayerDiff.From(origin).To(task, language).GroupBy(grouping).RunAsync()).Suggest();
            Assert.True(suggestion.HasStructure, suggestion.Reason);
            Assert.Equal(("language", "task", bottom, top), (suggestion.Outer, suggestion.Inner, suggestion.Bottom, suggestion.Top));
            Assert.Equal(suggestion.Candidates.Max(c => c.Score), suggestion.Score);
            // Every way with something outside and something inside, for either model outside.
            Assert.Equal(((layers * (layers + 1) / 2) - 1) * 2, suggestion.Candidates.Count);
        }
    }

    [Fact]
    public async Task Where_there_is_no_structure_it_says_so()
    {
        LlamaShape shape = new() { Layers = 8, DType = DType.Float32 };
        using ICheckpoint origin = new GeneratedModel("base", shape), a = new GeneratedModel("a", shape, 1, _ => 0.01), b = new GeneratedModel("b", shape, 2, _ => 0.003);
        SwapSuggestion alike = (await LayerDiff.From(origin).To(a, b).RunAsync()).Suggest();
        Assert.False(alike.HasStructure);
        Assert.Contains("alike", alike.Reason, StringComparison.Ordinal);
        Assert.Contains("is the base", (await LayerDiff.From(origin).To(a, origin).RunAsync()).Suggest().Reason, StringComparison.Ordinal);
        Assert.Contains("two models", (await LayerDiff.From(origin).To(a).RunAsync()).Suggest().Reason, StringComparison.Ordinal);
    }
}
