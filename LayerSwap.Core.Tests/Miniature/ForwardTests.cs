using System.Globalization;
using System.Text.Json;
using LayerSwap.Benchmarks.Forward;
using LayerSwap.Benchmarks.Paper;

namespace LayerSwap.Tests.Miniature;

/// <summary>Compares the forward pass with another implementation, for saved and on-demand models.</summary>
public sealed class ForwardTests : IDisposable
{
    private readonly TempFolder _temp = new();
    private readonly Dictionary<string, ICheckpoint> _models = ((string[])["base", "math", "sahili"])
        .ToDictionary(n => n, n => Checkpoint.Open(Fixture.Set1(n)), StringComparer.Ordinal);

    public void Dispose()
    {
        _temp.Dispose();
        foreach (ICheckpoint model in _models.Values)
        {
            model.Dispose();
        }
    }

    [Fact]
    public void All_records_of_logits_agree()
    {
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllText(Fixture.Path("miniature", "expected.json")));
        JsonElement[] records = [.. expected.RootElement.GetProperty("logits").EnumerateArray()];
        Assert.Equal(35, records.Length);
        foreach (IGrouping<string, JsonElement> of in records.GroupBy(r => r.GetProperty("model").GetString()!, StringComparer.Ordinal))
        {
            Llama model = Llama.Load(Model(of.Key));
            float[][] logits =
                model.LastLogits([.. of.Select(r => r.GetProperty("prompt").EnumerateArray().Select(t => t.GetInt32()).ToArray())]);
            foreach ((int i, JsonElement record) in of.Index())
            {
                foreach (JsonElement top in record.GetProperty("top3").EnumerateArray())
                {
                    Assert.Equal(top[1].GetDouble(), logits[i][top[0].GetInt32()], 2e-3);
                }
            }
        }
    }

    [Fact]
    public async Task A_merge_on_demand_and_the_same_saved_give_the_same_logits()
    {
        Problem[] problems = [.. Problem.Read(Fixture.Path("miniature", "test.jsonl")).Take(20)];
        MergePlan plan = Merge.LayerSwap(_models["math"], _models["sahili"], 1, 1, 1).Plan();
        await plan.ExecuteAsync(_temp["out"]);
        using ICheckpoint saved = Checkpoint.Open(_temp["out"]);
        int[][] prompts = [.. problems.Select(p => p.Prompt)];
        Assert.Equal(Llama.Load(saved).LastLogits(prompts), Llama.Load(plan.AsCheckpoint()).LastLogits(prompts));
    }

    [Theory]
    [InlineData("math")]
    [InlineData("sahili")]
    [InlineData("task arithmetic 1.0 of math and sahili")]
    [InlineData("swap 1,1,0 of math and sahili")]
    [InlineData("ties 0.2,1.0 of math and sahili")]
    public void Accuracies_agree(string name)
    {
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllText(Fixture.Path("miniature", "expected.json")));
        string[] parts = name.Split(" of ");
        JsonElement known = parts.Length == 1
            ? expected.RootElement.GetProperty("experts").GetProperty(name)
            : expected.RootElement.GetProperty("pairs").GetProperty("math + sahili").GetProperty(parts[0]);
        Assert.Equal(known.GetProperty("test").GetDouble(),
            Problem.Accuracy(Model(name), Problem.Read(Fixture.Path("miniature", "test.jsonl"))), 0.004);
    }

    [Fact]
    public void Grouped_and_tied_heads_match_expanded_ones()
    {
        // Keys and values of one head stored once for two query heads, and a head that is the embedding.
        LlamaFolder plain = new(_temp["plain"], keyValueHeads: 2, tied: false),
            grouped = new(_temp["grouped"], keyValueHeads: 1, tied: true);
        using ICheckpoint a = plain.Open(), b = grouped.Open();
        Assert.Equal(Llama.Load(a).LastLogits([[1, 2, 3], [4, 0]]), Llama.Load(b).LastLogits([[1, 2, 3], [4, 0]]));
    }

    private ICheckpoint Model(string name)
    {
        string[] parts = name.Split(" of ");
        if (parts.Length == 1)
        {
            return _models[name];
        }

        string[] words = parts[0].Split(' ', ',');
        double[] numbers = [.. words.Where(w => char.IsDigit(w[0])).Select(w => double.Parse(w, CultureInfo.InvariantCulture))];
        ICheckpoint baseModel = _models["base"], math = _models["math"], language = _models["sahili"];
        MergeBuilder both = Merge.Onto(baseModel).With(math).With(language);
        MergeBuilder merge = words[0] switch
        {
            "swap" => Merge.LayerSwap(math, language, (int)numbers[0], (int)numbers[1], (int)numbers[2]),
            "ties" => both.Using(new PublishedTies(numbers[0], numbers[1])),
            _ => both.TaskArithmetic(numbers[0]),
        };
        return merge.Plan().AsCheckpoint();
    }

    /// <summary>A Llama of two heads with made-up weights.</summary>
    private sealed class LlamaFolder
    {
        private readonly string _path;

        public LlamaFolder(string path, int keyValueHeads, bool tied)
        {
            _path = path;
            double[] table = Wave(5 * 4, 1), shared = Wave(2 * 4, 2);
            double[] keys = [.. Enumerable.Repeat(shared, keyValueHeads).SelectMany(k => k)];
            List<(string, long[], double[])> tensors =
            [
                ("model.embed_tokens.weight", [5, 4], table), ("model.norm.weight", [4], Wave(4, 3)),
                ("model.layers.0.input_layernorm.weight", [4], Wave(4, 4)),
                ("model.layers.0.post_attention_layernorm.weight", [4], Wave(4, 5)),
                ("model.layers.0.self_attn.q_proj.weight", [4, 4], Wave(16, 6)),
                ("model.layers.0.self_attn.k_proj.weight", [2 * keyValueHeads, 4], keys),
                ("model.layers.0.self_attn.v_proj.weight", [2 * keyValueHeads, 4], keys),
                ("model.layers.0.self_attn.o_proj.weight", [4, 4], Wave(16, 7)),
                ("model.layers.0.mlp.gate_proj.weight", [6, 4], Wave(24, 8)), ("model.layers.0.mlp.up_proj.weight", [6, 4], Wave(24, 9)),
                ("model.layers.0.mlp.down_proj.weight", [4, 6], Wave(24, 10)),
            ];
            if (!tied)
            {
                tensors.Add(("lm_head.weight", [5, 4], table));
            }

            Cli.Folders.Save(SmallModels.Of("llama", DType.Float32, [.. tensors]), path);
            File.WriteAllText(Path.Combine(path, "config.json"),
                """{"model_type": "llama", "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2"""
                + $$""", "num_key_value_heads": {{keyValueHeads}}, "rms_norm_eps": 1e-5}""");
        }

        public ICheckpoint Open() => Checkpoint.Open(_path);

        private static double[] Wave(int count, int seed) => [.. Enumerable.Range(0, count).Select(i => Math.Sin((i + 1) * 0.7 * seed))];
    }
}
