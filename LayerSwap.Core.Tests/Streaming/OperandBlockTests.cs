using LayerSwap.Outsider;

namespace LayerSwap.Tests.Streaming;

/// <summary>The extension point, used as a stranger would: a strategy from an assembly that sees no internals.</summary>
public sealed class OperandBlockTests
{
    [Fact]
    public void A_block_can_be_made_from_plain_arrays()
    {
        float[] output = new float[2];
        TensorOperation median = new Median().Bind(new TensorContext
        {
            Output = new TensorInfo("w", DType.Float32, new TensorShape(2)),
            Place = LayerMap.Of([new TensorInfo("w", DType.Float32, new TensorShape(2))])["w"],
            Sources = ["a", "b", "c"],
            Weights = [1, 1, 1],
            HasBase = false,
        });
        median.Merge(new OperandBlock<float>(0, [], [1, 20, 3, 40, 2, 30], output));
        Assert.Equal([2f, 30f], output);
    }

    [Theory]
    [InlineData(3, 4, 2)]
    [InlineData(0, 5, 2)]
    [InlineData(0, 1, 0)]
    public void Lengths_that_do_not_fit_are_refused(int origin, int sources, int output) =>
        Assert.Throws<ArgumentException>(() => new OperandBlock<float>(0, new float[origin], new float[sources], new float[output]));

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    [InlineData(DType.BFloat16)]
    public async Task A_strangers_strategy_runs_in_a_merge(DType dtype)
    {
        using TempFolder temp = new();
        ICheckpoint[] models = [.. Enumerable.Range(1, 3).Select(i => SmallModels.Llama($"m{i}", i, dtype))];
        await Merge.WithoutBase().With(models[0]).With(models[1]).With(models[2]).Using(new Median()).SaveAsync(temp["out"]);
        using ICheckpoint merged = Checkpoint.Open(temp["out"]);
        double[][] values = [.. models.Select(m => SmallModels.Values(m, "model.layers.3.mlp.up_proj.weight"))];
        double[] expected = [.. Enumerable.Range(0, values[0].Length).Select(i => (double)(float)values.Select(v => v[i]).Order().ElementAt(1))];
        Assert.Equal(expected, SmallModels.Values(merged, "model.layers.3.mlp.up_proj.weight"));
    }
}
