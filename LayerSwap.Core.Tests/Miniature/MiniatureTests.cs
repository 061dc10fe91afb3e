using System.Text.Json;

namespace LayerSwap.Tests.Miniature;

/// <summary>Tests inspect, diff, swap, soup, task arithmetic and verify on trained models.</summary>
public sealed class MiniatureTests : IDisposable
{
    private readonly TempFolder _temp = new();
    private readonly ICheckpoint _base = Checkpoint.Open(Fixture.Set1("base"));
    private readonly ICheckpoint _math = Checkpoint.Open(Fixture.Set1("math"));
    private readonly ICheckpoint _sahili = Checkpoint.Open(Fixture.Set1("sahili"));

    public void Dispose()
    {
        _base.Dispose();
        _math.Dispose();
        _sahili.Dispose();
        _temp.Dispose();
    }

    [Fact]
    public void Inspecting_counts_what_training_reported()
    {
        Assert.Equal(630_160, _base.Tensors.Sum(t => t.ElementCount));
        Assert.Equal(8, LayerMap.Of(_base.Tensors).LayerCount);
        Assert.All(_base.Tensors, t => Assert.Equal(DType.BFloat16, t.DType));
    }

    [Theory]
    [InlineData("math")]
    [InlineData("sahili")]
    public async Task The_layer_profile_agrees_with_another_implementation(string model)
    {
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllText(Fixture.Path("miniature", "expected.json")));
        JsonElement expert = expected.RootElement.GetProperty("experts").GetProperty(model);
        LayerDiffReport diff = await LayerDiff.From(_base).To(model == "math" ? _math : _sahili).RunAsync();
        double[] layers = [.. expert.GetProperty("mean_abs_change_layers").EnumerateArray().Select(v => v.GetDouble())];
        for (int layer = 0; layer < layers.Length; layer++)
        {
            Assert.Equal(1, diff.Entries.Single(e => e.Layer == layer).MatrixMeanAbsolute / layers[layer], 1e-4);
        }

        Assert.Equal(1,
            diff.Entries.Single(e => e.Name == "model.embed_tokens").MeanAbsolute / expert.GetProperty("mean_abs_change_embed").GetDouble(),
            1e-4);
        Assert.Equal(1,
            diff.Entries.Single(e => e.Name == "lm_head").MeanAbsolute / expert.GetProperty("mean_abs_change_head").GetDouble(), 1e-4);
    }

    [Fact]
    public async Task Swap_soup_and_task_arithmetic_match_their_formulas_and_verify()
    {
        await Merge.LayerSwap(_math, _sahili, 1, 2, 1).SaveAsync(_temp["swap"]);
        await Merge.Soup(_math, _sahili).SaveAsync(_temp["soup"]);
        await Merge.Onto(_base).With(_math).With(_sahili).TaskArithmetic(0.7).SaveAsync(_temp["arithmetic"]);
        foreach (string name in (string[])["swap", "soup", "arithmetic"])
        {
            Assert.True((await Checkpoint.VerifyAsync(_temp[name])).Ok, name);
            using ICheckpoint merged = Checkpoint.Open(_temp[name]);
            LayerMap map = LayerMap.Of(merged.Tensors);
            foreach (TensorInfo tensor in merged.Tensors)
            {
                double[] x = SmallModels.Values(_base, tensor.Name),
                    m = SmallModels.Values(_math, tensor.Name), s = SmallModels.Values(_sahili, tensor.Name);
                double[] average = [.. m.Zip(s, (a, b) => (a + b) / 2)];
                double[] expected = name switch
                {
                    "soup" => average,
                    "arithmetic" => [.. x.Select((v, i) => v + (0.7 * (m[i] - v + (s[i] - v))))],
                    _ => map[tensor.Name].Layer switch { 0 or 6 or 7 => s, 2 or 3 or 4 => m, _ => average },
                };
                Merging.Oracle.WithinOneUlp(DType.BFloat16, expected, SmallModels.Values(merged, tensor.Name), tensor.Name);
            }
        }
    }
}
