namespace LayerSwap.Tests.Recipes;

/// <summary>Several documents in one recipe give the same weights, configuration, tokenizer and template as separate merges.</summary>
public sealed class DocumentTests : IDisposable
{
    private const string Config = """{"model_type": "llama", "num_hidden_layers": 4, "vocab_size": 48, "tie_word_embeddings": false,"""
        + """ "torch_dtype": "bfloat16", "layer_types": ["a", "b", "c", "d"]}""";

    private readonly RecipeModels _models = new();

    public DocumentTests()
    {
        foreach ((string model, string word) in (ReadOnlySpan<(string, string)>)[("base", ""), ("a", "<x>"), ("b", "<y>"), ("c", "")])
        {
            File.WriteAllText(_models[model, "config.json"], Config);
            string added = word.Length == 0 ? "" : $$"""{"id": 47, "content": "{{word}}", "special": true}""";
            string vocabulary = string.Join(", ", Enumerable.Range(0, 47).Select(i => $"\"t{i}\": {i}"));
            File.WriteAllText(
                _models[model, "tokenizer.json"],
                $$"""{"model": {"type": "BPE", "vocab": { {{vocabulary}} } }, "added_tokens": [{{added}}]}""");
        }
    }

    public void Dispose() => _models.Dispose();

    [Theory]
    [InlineData(
        "merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [0, 4]}]\n"
            + "  - sources: [{model: b, layer_range: [1, 3]}]\n",
        "merge_method: passthrough\nmodels: [one]\n",
        "merge_method: passthrough\nmodels: [two]\n")]
    [InlineData(
        "merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [0, 4]}]\n"
            + "  - sources: [{model: b, layer_range: [1, 3]}]\n",
        "merge_method: passthrough\nslices:\n  - sources: [{model: one, layer_range: [2, 6]}]\n"
            + "  - sources: [{model: one, layer_range: [0, 1]}]\n")]
    [InlineData(
        "merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [2, 4]}]\n"
            + "  - sources: [{model: b, layer_range: [0, 2]}]\n",
        "merge_method: passthrough\nslices:\n  - sources: [{model: one, layer_range: [0, 3]}]\n")]
    [InlineData("merge_method: linear\nmodels: [a, b]\ntokenizer_source: union\n", "merge_method: passthrough\nmodels: [one]\n")]
    [InlineData(
        "merge_method: linear\nmodels: [a, b]\ntokenizer_source: union\n",
        "merge_method: linear\nmodels: [one, c]\ntokenizer_source: union\n")]
    [InlineData(
        "merge_method: linear\nmodels: [a, b]\ntokenizer: {source: union, pad_to_multiple_of: 8}\n",
        "merge_method: passthrough\nslices:\n  - sources: [{model: one, layer_range: [1, 3]}]\n")]
    [InlineData(
        "merge_method: linear\nmodels: [a, b]\nchat_template: chatml\ntokenizer_source: base\nbase_model: c\n",
        "merge_method: passthrough\nmodels: [one]\n",
        "merge_method: linear\nmodels: [two, c]\nchat_template: auto\ntokenizer_source: two\n")]
    [InlineData(
        "merge_method: linear\nmodels: [a, b]\ntokenizer_source: base\nbase_model: c\ndtype: float32\n",
        "merge_method: passthrough\nmodels: [one]\n")]
    [InlineData(
        "merge_method: dare_ties\nbase_model: base\nmodels: [{model: c, parameters: {weight: 1, density: 0.5}}]\n",
        "merge_method: passthrough\nmodels: [one]\n")]
    [InlineData(
        "merge_method: della\nbase_model: base\nmodels: [{model: c, parameters: {weight: 1, density: 0.5}}]\n",
        "merge_method: dare_linear\nbase_model: base\n"
            + "models: [{model: one, parameters: {weight: 1, density: 0.5}}, {model: c, parameters: {weight: 1}}]\n")]
    public async Task Documents_give_the_same_files_as_separate_merges(params string[] documents)
    {
        const long Seed = 7;
        string[] names = ["one", "two", "three"];
        string whole = string.Join("---\n", documents.Select((d, i) => i == documents.Length - 1 ? d : $"name: {names[i]}\n{d}"));
        await _models.Parse(whole).ToMerge(Seed).SaveAsync(_models["whole"], new SaveOptions { Durable = false });
        for (int i = 0; i < documents.Length; i++)
        {
            await _models.Parse(documents[i]).ToMerge(Seed).SaveAsync(_models[names[i]], new SaveOptions { Durable = false });
        }

        string last = names[documents.Length - 1];
        string[] expected = [.. Names(last)], actual = [.. Names("whole")];
        Assert.Equal(expected, actual);
        Assert.All(expected, name => Assert.Equal(File.ReadAllBytes(_models[last, name]), File.ReadAllBytes(_models["whole", name])));
        Assert.Contains("config.json", expected);
        Assert.Contains("tokenizer.json", expected);
    }

    [Fact]
    public void A_seed_reaches_every_document()
    {
        const string Text = "name: one\nmerge_method: dare_ties\nbase_model: base\n"
            + "models: [{model: c, parameters: {weight: 1, density: 0.5}}]\n---\nmerge_method: passthrough\nmodels: [one]\n";
        ICheckpoint first = _models.Parse(Text).ToMerge(7).Plan().AsCheckpoint(),
            second = _models.Parse(Text).ToMerge().Plan().AsCheckpoint();
        Assert.Contains(first.Tensors, t => !SmallModels.Bytes(first, t.Name).AsSpan().SequenceEqual(SmallModels.Bytes(second, t.Name)));
    }

    [Fact]
    public void Duplicate_document_names_are_rejected_and_unused_documents_are_noted()
    {
        const string One = "name: one\nmerge_method: linear\nmodels: [a, b]\n---\n";
        Assert.Contains(
            "line 5, column 1: a document before this one is called one too",
            Assert.Single(
                Assert.Throws<RecipeException>(() => _models.Parse(One + One + "merge_method: passthrough\nmodels: [one]\n")).Problems),
            StringComparison.Ordinal);
        Assert.Equal(
            "line 2, column 15: no later document uses one; it changes nothing.",
            Assert.Single(_models.NotesOf(One + "merge_method: passthrough\nmodels: [a]\n")));
    }

    [Fact]
    public void Circular_document_references_are_rejected() =>
        Assert.Contains("later is this document, or uses it",
            _models.ProblemOf(
                "name: one\nmerge_method: passthrough\nmodels: [later]\n---\nname: later\nmerge_method: passthrough\nmodels: [one]\n"
                    + "---\nmerge_method: passthrough\nmodels: [one]\n"),
            StringComparison.Ordinal);

    [Fact]
    public void Documents_can_be_in_any_order()
    {
        const string Used = "name: one\nmerge_method: linear\nmodels: [a, b]\nparameters: {weight: 1}\n",
            Result = "merge_method: passthrough\nmodels: [one]\n";
        RecipeModels.Same(
            _models.Parse(Used + "---\n" + Result).ToMerge().Plan().AsCheckpoint(),
            _models.Parse(Result + "---\n" + Used).ToMerge().Plan().AsCheckpoint());
    }

    /// <summary>The written files, except manifest and card, which contain the names of the models.</summary>
    private IEnumerable<string> Names(string folder) =>
        Directory.EnumerateFiles(_models[folder])
            .Select(p => Path.GetFileName(p))
            .Where(n => n is not ("layerswap.json" or "README.md"))
            .Order(StringComparer.Ordinal);
}
