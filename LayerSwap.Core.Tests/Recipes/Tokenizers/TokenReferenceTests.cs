using System.Text.Json.Nodes;
using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Recipes;

/// <summary>Tests that all token references follow the written tokenizer.</summary>
public sealed class TokenReferenceTests : IDisposable
{
    private readonly TempFolder _temp = new(inMemory: true);

    public void Dispose() => _temp.Dispose();

    [Fact]
    public void Slices_with_different_tokens_are_rejected_and_the_remedy_works()
    {
        Save("a", ["x", "y"]);
        Save("b", ["y", "x"]);
        Save("c", ["x", "y", "z"]);
        foreach (string other in (string[])["b", "c"])
        {
            string yaml = "merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [0, 1]}]\n"
                + $"  - sources: [{{model: {other}, layer_range: [1, 2]}}]\n";
            Assert.Contains("tokenizer_source: base", Assert.Throws<MergeException>(() => Plan(yaml)).Message, StringComparison.Ordinal);
            foreach (string source in (string[])["union", "base", other])
            {
                MergePlan plan = Plan($"{yaml}tokenizer_source: {source}\n");
                Assert.Single(plan.Tensors.Where(t => t.Tensor.Name is "model.embed_tokens.weight" or "lm_head.weight")
                    .Select(t => t.Tensor.Shape[0])
                    .Distinct());
            }
        }
    }

    [Fact]
    public async Task Token_ids_in_configurations_follow_the_new_tokenizer()
    {
        Save(
            "a",
            ["<img>", "<e>", "<m>"],
            """{"vocab_size": 4, "image_token_id": 1, "mask_token_id": 3, "decoder_start_token_id": 2,"""
                + """ "eos_token_id": 2, "text_config": {"video_token_index": 3}}""");
        File.WriteAllText(_temp["a", "generation_config.json"], """{"eos_token_id": 2, "suppress_tokens": [1, 3]}""");
        Save("b", ["<e>", "<m>", "<img>"], """{"vocab_size": 4, "eos_token_id": 1}""");
        using Recipe recipe =
            Recipe.Parse("merge_method: linear\nmodels: [a, b]\nparameters: {weight: 1}\ntokenizer_source: b\n", _temp.Path);
        await recipe.ToMerge().SaveAsync(_temp["out"], new() { Durable = false });
        JsonNode config = JsonNode.Parse(File.ReadAllText(_temp["out", "config.json"]))!,
            generation = JsonNode.Parse(File.ReadAllText(_temp["out", "generation_config.json"]))!;
        Assert.Equal(
            [3, 2, 1, 1, 2],
            ((JsonNode?[])[
                config["image_token_id"], config["mask_token_id"], config["decoder_start_token_id"], config["eos_token_id"],
                config["text_config"]!["video_token_index"]])
                .Select(n => n!.GetValue<int>()));
        Assert.Equal("""{"eos_token_id":1,"suppress_tokens":[3,2]}""", generation.ToJsonString());
    }

    [Theory]
    [InlineData(DType.BFloat16, true)]
    [InlineData(DType.Float32, false)]
    public void Rows_can_come_from_tied_models_and_other_dtypes(DType dtype, bool tied)
    {
        Save("a", ["x", "y"]);
        Save("b", ["y", "x"], """{"vocab_size": 3, "tie_word_embeddings": true}""", dtype, tied);
        MergePlan plan = Plan("merge_method: linear\nmodels: [a, b]\nparameters: {weight: 1}\ntokenizer_source: base\ndtype: float32\n");
        double[] embedding = SmallModels.Values(plan.AsCheckpoint(), "model.embed_tokens.weight");
        // Row 1 is x: row 1 of a, row 2 of b.
        Assert.Equal((10 + 20) / 2.0, embedding[2]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Other_vocabulary_formats_are_updated_for_a_union_or_omitted(bool word)
    {
        Save("a", ["<x>"], lines: "w\n<x>\n");
        Save("b", word ? ["<x>"] : ["<x>", "<y>"], words: word ? ["w", "v"] : ["w"]);
        File.WriteAllText(_temp["a", "tokenizer.model"], "pieces");
        MergePlan plan = Plan("merge_method: linear\nmodels: [a, b]\nparameters: {weight: 1}\ntokenizer_source: union\n");
        await plan.ExecuteAsync(_temp["out"], new() { Durable = false });
        Assert.Equal(word ? "w\n<x>\nv\n" : "w\n<x>\n", File.ReadAllText(_temp["out", "vocab.txt"]));
        Assert.Equal(!word, File.Exists(_temp["out", "tokenizer.model"]));
        Assert.Equal(word, plan.Warnings.Any(w => w.Contains("tokenizer.model", StringComparison.Ordinal)));

        // A vocabulary file with too few lines cannot be extended.
        File.WriteAllText(_temp["a", "vocab.txt"], "w\n");
        Assert.Equal(
            word,
            Plan("merge_method: linear\nmodels: [a, b]\nparameters: {weight: 1}\ntokenizer_source: union\n")
                .Warnings.Any(w => w.Contains("vocab.txt", StringComparison.Ordinal)));
    }

    private MergePlan Plan(string yaml)
    {
        // The checkpoints stay open: a plan reads them.
        Recipe recipe = Recipe.Parse(yaml, _temp.Path);
        return recipe.ToMerge().Plan();
    }

    private void Save(
        string name, string[] added, string? config = null, DType dtype = DType.BFloat16, bool tied = false, string[]? words = null,
        string? lines = null)
    {
        words ??= ["w"];
        int rows = added.Length + words.Length;
        double[] table = [.. Enumerable.Range(0, rows * 2).Select(i => 10.0 * (i / 2))];
        (string, long[], double[])[] tensors = [
            ("model.embed_tokens.weight", [rows, 2], table),
            ("model.layers.0.w", [2], [1, 2]),
            ("model.layers.1.w", [2], [1, 2]),
            .. tied ? [] : new (string, long[], double[])[] { ("lm_head.weight", [rows, 2], table) }];
        Folders.Save(SmallModels.Of(name, dtype, tensors), _temp[name]);
        File.WriteAllText(
            _temp[name, "config.json"], config ?? $$"""{"vocab_size": {{rows}}, "num_hidden_layers": 2, "tie_word_embeddings": false}""");
        JsonObject tokenizer = new()
        {
            ["added_tokens"] =
                new JsonArray([.. added.Select((a, i) => (JsonNode)new JsonObject { ["id"] = i + words.Length, ["content"] = a })]),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["vocab"] = new JsonObject(words.Select((w, i) => KeyValuePair.Create(w, (JsonNode?)i))),
            },
        };
        if (lines is not null)
        {
            File.WriteAllText(_temp[name, "vocab.txt"], lines);
        }

        File.WriteAllText(_temp[name, "tokenizer.json"], tokenizer.ToJsonString(new System.Text.Json.JsonSerializerOptions()));
    }
}
