using LayerSwap.Benchmarks.Synthetic;
using LayerSwap.Tests.Checkpoints;

namespace LayerSwap.Tests.Cli;

/// <summary>Adapters on the command line and in recipes: BASE+ADAPTER, --base, and the base that an adapter names.</summary>
public sealed class AdapterTests : IDisposable
{
    private readonly TempFolder _temp = new();

    private static string Base => Fixture.Path("lora", "bases", "llama-bf16");

    public void Dispose() => _temp.Dispose();

    [Fact]
    public void Converting_applies_an_adapter_and_keeps_the_dtype_of_the_base()
    {
        Tool.Succeed("convert", $"{Base}+{Adapter("plain")}", _temp["plus"]);
        Tool.Succeed("convert", Adapter("plain"), _temp["option"], "--base", Base);

        using ICheckpoint plus = Checkpoint.Open(_temp["plus"]), option = Checkpoint.Open(_temp["option"]);
        using ICheckpoint expected = Checkpoint.Open(Fixture.Path("lora", "expected", "plain.bf16.safetensors"));
        FormatCases.AssertEqual(plus, option);
        Assert.All(plus.Tensors, t => Assert.Equal(DType.BFloat16, t.DType));
        Assert.All(expected.Tensors, t => Assert.Equal(SmallModels.Values(expected, t.Name), SmallModels.Values(plus, t.Name)));
        Assert.Empty(Directory.GetFiles(_temp["plus"], "adapter*"));
    }

    [Fact]
    public void An_adapter_finds_the_base_that_it_names()
    {
        Directory.CreateDirectory(_temp["adapter"]);
        foreach (string file in Directory.GetFiles(Adapter("plain")))
        {
            File.Copy(file, _temp["adapter", System.IO.Path.GetFileName(file)]);
        }

        string config = _temp["adapter", "adapter_config.json"];
        string missing = Tool.Fail(3, "inspect", _temp["adapter"]);
        File.WriteAllText(config, File.ReadAllText(config).Replace("example/llama-bf16", Base, StringComparison.Ordinal));

        Assert.Contains("example/llama-bf16", missing, StringComparison.Ordinal);
        Assert.Contains("--base", missing, StringComparison.Ordinal);
        Tool.Succeed("inspect", _temp["adapter"]);
    }

    [Fact]
    public void A_folder_whose_name_has_a_plus_is_found_first()
    {
        Folders.Save(SmallModels.Llama("m", 1), _temp["a+b"]);

        Assert.Contains("a+b", Tool.Succeed("inspect", _temp["a+b"]).Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Layers_are_swapped_between_two_adapters_of_one_base()
    {
        Tool.Succeed(
            "swap", "--task", $"{Base}+{Adapter("part-a")}", "--language", $"{Base}+{Adapter("part-b")}",
            "--bottom", "1", "--top", "1", "--transition", "0", "-o", _temp["out"]);

        using ICheckpoint merged = Checkpoint.Open(_temp["out"]);
        using ICheckpoint task = Applied("part-a"), language = Applied("part-b");
        foreach (TensorInfo tensor in merged.Tensors.Where(t => t.Name.Contains(".layers.", StringComparison.Ordinal)))
        {
            ICheckpoint source = tensor.Name.Contains(".layers.1.", StringComparison.Ordinal) ? task : language;
            Assert.Equal(SmallModels.Bytes(source, tensor.Name), SmallModels.Bytes(merged, tensor.Name));
        }
    }

    [Fact]
    public void A_base_with_a_longer_head_takes_an_adapter()
    {
        ICheckpoint model = SmallModels.Of(
            "llama",
            DType.BFloat16,
            ("model.embed_tokens.weight", [3, 2], [1, 2, 3, 4, 5, 6]),
            ("lm_head.weight", [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]),
            ("model.layers.0.self_attn.q_proj.weight", [2, 2], [1, 2, 3, 4]));
        Folders.Save(model, _temp["base"]);
        GeneratedAdapter.Write(_temp["adapter"], model, rank: 1);

        using ICheckpoint adapted = Checkpoint.Open($"{_temp["base"]}+{_temp["adapter"]}");

        Assert.Equal(new TensorShape(4, 2), adapted.Find("lm_head.weight")!.Shape);
    }

    [Fact]
    public void A_diff_measures_the_delta_of_an_adapter()
    {
        System.Text.Json.JsonElement diff = Tool.Succeed("diff", Base, $"{Base}+{Adapter("plain")}", "--json", "-").Json;

        Assert.Contains(diff.Items("entries"), e => e.GetProperty("l2").GetDouble() > 0);
    }

    [Fact]
    public void A_recipe_names_a_base_with_an_adapter()
    {
        File.WriteAllText(_temp["recipe.yml"], """
            merge_method: task_arithmetic
            base_model: bases/llama-bf16
            models:
              - model: bases/llama-bf16+adapters/part-a
                parameters: {weight: 0.5}
              - model: {model: bases/llama-bf16, lora: adapters/part-b}
                parameters: {weight: 0.5}
            dtype: bfloat16
            """);

        Tool.Succeed("merge", _temp["recipe.yml"], _temp["out"], "--models", Fixture.Path("lora"));

        using ICheckpoint merged = Checkpoint.Open(_temp["out"]);
        using ICheckpoint expected = Checkpoint.Open(Fixture.Path("lora", "expected", "combine-two.bf16.safetensors"));
        Assert.All(expected.Tensors, t => Assert.Equal(SmallModels.Values(expected, t.Name), SmallModels.Values(merged, t.Name)));
    }

    private static string Adapter(string name) => Fixture.Path("lora", "adapters", name);

    private ICheckpoint Applied(string adapter)
    {
        Tool.Succeed("convert", $"{Base}+{Adapter(adapter)}", _temp["applied-" + adapter]);
        return Checkpoint.Open(_temp["applied-" + adapter]);
    }
}
