using System.Text.Json.Nodes;

namespace LayerSwap.Tests.Recipes;

/// <summary>Merges of models with different tokens: every row comes from the source that the recipe gives.</summary>
public sealed class TokenizerMergeTests : IDisposable
{
    private const int Width = 3;

    private readonly TempFolder _temp = new();

    public TokenizerMergeTests()
    {
        // Base: a b c <x>; first: a b c <x> <y> and a padding row; second: the same tokens elsewhere, and <z>.
        Save("base", 100, 4, ["a", "b", "c"], ["<x>"]);
        Save("first", 200, 6, ["a", "b", "c"], ["<x>", "<y>"]);
        Save("second", 300, 5, ["b", "a", "c"], ["<z>", "<y>"]);
    }

    public void Dispose() => _temp.Dispose();

    [Fact]
    public async Task A_union_has_a_row_from_the_right_model_for_every_token()
    {
        double[][] rows = await Merge("tokenizer_source: union", "linear", Weighted("first", 1), Weighted("second", 3));

        // base: a b c <x>, then <y> of the first and <z> of the second. Rows of first are 200 + 10 row, of second 300 + 10 row.
        Assert.Equal(6, rows.Length);
        Assert.Equal(Mean(Row(200, 0), Row(300, 1)), rows[0]);
        Assert.Equal(Mean(Row(200, 1), Row(300, 0)), rows[1]);
        Assert.Equal(Mean(Row(200, 2), Row(300, 2)), rows[2]);
        // The second lacks <x>, so the row of the base is used.
        Assert.Equal(Mean(Row(200, 3), Row(100, 3)), rows[3]);
        Assert.Equal(Mean(Row(200, 4), Row(300, 4)), rows[4]);
        // The base and the first lack <z>, so the row of the only model that has it is used.
        Assert.Equal(Row(300, 3), rows[5]);

        JsonNode tokenizer = JsonNode.Parse(File.ReadAllText(_temp["out", "tokenizer.json"]))!;
        Assert.Equal(["<x> 3", "<y> 4", "<z> 5"], tokenizer["added_tokens"]!.AsArray().Select(t => $"{t!["content"]} {t["id"]}"));
        Assert.Equal(3, tokenizer["model"]!["vocab"]!.AsObject().Count);
        Assert.Equal("kept", (string?)tokenizer["normalizer"]);
        Assert.Contains("\"vocab_size\": 6", File.ReadAllText(_temp["out", "config.json"]), StringComparison.Ordinal);
        Assert.True((await Checkpoint.VerifyAsync(_temp["out"])).Ok);
    }

    [Fact]
    public async Task The_vocabulary_of_one_model_is_kept_and_other_rows_are_reordered()
    {
        double[][] rows = await Merge("tokenizer_source: second", "linear", Weighted("first", 1), Weighted("second", 1));
        Assert.Equal(5, rows.Length);
        Assert.Equal(Half(Row(200, 1), Row(300, 0)), rows[0]);
        Assert.Equal(Half(Row(200, 0), Row(300, 1)), rows[1]);
        // <z>: neither base nor first have it.
        Assert.Equal(Row(300, 3), rows[3]);
        Assert.Equal(Half(Row(200, 4), Row(300, 4)), rows[4]);
        Assert.Equal(File.ReadAllBytes(_temp["second", "tokenizer.json"]), File.ReadAllBytes(_temp["out", "tokenizer.json"]));
    }

    [Fact]
    public async Task The_base_vocabulary_drops_tokens_added_by_other_models()
    {
        double[][] rows = await Merge("tokenizer_source: base", "linear", Weighted("first", 1), Weighted("second", 1));
        Assert.Equal(4, rows.Length);
        Assert.Equal(Half(Row(200, 3), Row(100, 3)), rows[3]);
    }

    [Fact]
    public async Task Single_tokens_come_from_the_given_source_and_rows_are_padded()
    {
        double[][] rows = await Merge(
            """
            tokenizer:
              source: union
              pad_to_multiple_of: 4
              tokens:
                <x>: {source: first, force: true}
                <y>: {source: {kind: zero}}
                a: {source: {kind: model_token, model: second, token: c}, force: true}
                b: {source: {kind: model_token, model: first, token_id: 5}, force: true}
                <z>: {source: {kind: zero}, force: true}
            """, "linear", Weighted("first", 1), Weighted("second", 1));
        Assert.Equal(8, rows.Length);
        Assert.Equal(Row(300, 2), rows[0]);
        Assert.Equal(Row(200, 5), rows[1]);
        Assert.Equal(Row(200, 3), rows[3]);
        // Not forced, and both have it.
        Assert.Equal(Half(Row(200, 4), Row(300, 4)), rows[4]);
        Assert.Equal([0, 0, 0], rows[5]);
        // A row without a token is the mean of each model's own rows.
        Assert.Equal(Half([225, 226, 227], [320, 321, 322]), rows[7]);
    }

    [Fact]
    public void Impossible_token_sources_are_rejected_by_name()
    {
        Assert.Contains(
            "has no row for <q>", Refused("tokenizer: {source: union, tokens: {<q>: {source: first}}}"), StringComparison.Ordinal);
        Assert.Contains(
            "has no row for <z>", Refused("tokenizer: {source: union, tokens: {<z>: {source: first}}}"), StringComparison.Ordinal);
        Assert.Contains(
            "kind is half", Refused("tokenizer: {source: union, tokens: {a: {source: {kind: half}}}}"), StringComparison.Ordinal);
        Assert.Contains("there is no model nowhere", Refused("tokenizer_source: nowhere"), StringComparison.Ordinal);
        File.Delete(_temp["second", "tokenizer.json"]);
        Assert.Contains("has no tokenizer.json", Refused("tokenizer_source: union"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_chat_template_is_copied_or_chosen_by_majority()
    {
        File.WriteAllText(_temp["first", "chat_template.jinja"], "{{ one }}");
        File.WriteAllText(_temp["second", "tokenizer_config.json"], """{"chat_template": "{{ one }}"}""");
        File.WriteAllText(_temp["base", "chat_template.jinja"], "{{ two }}");
        await Merge("tokenizer_source: union\nchat_template: auto", "linear", Weighted("first", 1), Weighted("second", 1));
        Assert.Equal("{{ one }}", File.ReadAllText(_temp["out", "chat_template.jinja"]));
        Directory.Delete(_temp["out"], recursive: true);
        // Of several named templates the default is used, and one template is written.
        File.WriteAllText(
            _temp["base", "tokenizer_config.json"],
            """{"x": 1, "chat_template": [{"name": "tool_use", "template": "{{ tools }}"}, """
                + """{"name": "default", "template": "{{ one }}"}]}""");
        await Merge("tokenizer_source: union\nchat_template: auto", "linear", Weighted("first", 1), Weighted("second", 1));
        Assert.Equal("{{ one }}", File.ReadAllText(_temp["out", "chat_template.jinja"]));
        Assert.DoesNotContain("chat_template", File.ReadAllText(_temp["out", "tokenizer_config.json"]), StringComparison.Ordinal);
        Directory.Delete(_temp["out"], recursive: true);
        foreach (string known in (string[])["chatml", "llama3", "mistral", "alpaca", "exaone"])
        {
            await Merge($"tokenizer_source: union\nchat_template: {known}", "linear", Weighted("first", 1), Weighted("second", 1));
            Assert.Contains("message['content']", File.ReadAllText(_temp["out", "chat_template.jinja"]), StringComparison.Ordinal);
            Directory.Delete(_temp["out"], recursive: true);
        }

        await Merge("tokenizer_source: union\nchat_template: \"{{ mine }}\"", "linear", Weighted("first", 1), Weighted("second", 1));
        Assert.Equal("{{ mine }}", File.ReadAllText(_temp["out", "chat_template.jinja"]));
        Assert.Contains("no chat template alpacca", Refused("tokenizer_source: union\nchat_template: alpacca"), StringComparison.Ordinal);
    }

    private static string Weighted(string model, double weight) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"  - model: {model}\n    parameters: {{weight: {weight}}}\n");

    private static double[] Row(int model, int row) => [.. Enumerable.Range(0, Width).Select(c => model + (10.0 * row) + c)];

    private static double[] Mean(double[] first, double[] second) => [.. first.Zip(second, (a, b) => (a + (3 * b)) / 4)];

    private static double[] Half(double[] first, double[] second) => [.. first.Zip(second, (a, b) => (a + b) / 2)];

    private string Refused(string section)
    {
        return Assert.Throws<RecipeException>(() =>
        {
            using Recipe recipe = Recipe.Parse(
                $"merge_method: linear\nbase_model: base\nmodels:\n{Weighted("first", 1)}{Weighted("second", 1)}{section}\n", _temp.Path);
            recipe.ToMerge();
        }).Message;
    }

    private async Task<double[][]> Merge(string section, string method, params string[] models)
    {
        using Recipe recipe =
            Recipe.Parse($"merge_method: {method}\nbase_model: base\nmodels:\n{string.Concat(models)}{section}\n", _temp.Path);
        await recipe.ToMerge().SaveAsync(_temp["out"]);
        using ICheckpoint merged = Checkpoint.Open(_temp["out"]);
        double[] head = SmallModels.Values(merged, "lm_head.weight"), table = SmallModels.Values(merged, "model.embed_tokens.weight");
        Assert.Equal(table.Select(v => -v), head);
        return [.. table.Chunk(Width)];
    }

    private void Save(string name, int first, int rows, string[] words, string[] added)
    {
        double[] table = [.. Enumerable.Range(0, rows).SelectMany(r => Row(first, r))];
        Cli.Folders.Save(
            SmallModels.Of(
                name, DType.Float32, ("model.embed_tokens.weight", [rows, Width], table),
                ("model.layers.0.mlp.up_proj.weight", [1, Width], [1, 2, 3]),
                ("lm_head.weight", [rows, Width], [.. table.Select(v => -v)])),
            _temp[name]);
        File.WriteAllText(_temp[name, "config.json"], $$"""{"num_hidden_layers": 1, "vocab_size": {{rows}}}""");
        JsonObject vocabulary = [];
        foreach ((int id, string word) in words.Index())
        {
            vocabulary[word] = id;
        }

        JsonArray tokens =
            [.. added.Select((t, i) => (JsonNode)new JsonObject { ["id"] = words.Length + i, ["content"] = t, ["special"] = true })];
        JsonObject tokenizer = new()
        {
            ["normalizer"] = "kept",
            ["added_tokens"] = tokens,
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary },
        };
        File.WriteAllText(_temp[name, "tokenizer.json"], tokenizer.ToJsonString());
    }
}
