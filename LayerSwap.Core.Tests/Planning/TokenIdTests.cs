using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Planning;

/// <summary>Token ids are checked against the largest possible row before use.</summary>
public sealed class TokenIdTests : IDisposable
{
    private readonly TempFolder _temp = new(inMemory: true);

    public void Dispose() => _temp.Dispose();

    [Theory]
    [InlineData("""{"model": {"vocab": {"a": -5}}}""")]
    [InlineData("""{"model": {"vocab": {"a": 2147483648}}}""")]
    [InlineData("""{"model": {"vocab": {"a": 9223372036854775807}}}""")]
    [InlineData("""{"model": {"vocab": {"a": 1e400}}}""")]
    [InlineData("""{"model": {"vocab": {"a": 100000000}}}""")]
    [InlineData("""{"model": {"vocab": {"a": 2147483647}}}""")]
    [InlineData("""{"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": 100000000, "content": "x"}]}""")]
    [InlineData("""{"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": -1, "content": "x"}]}""")]
    [InlineData("""{"model": {"vocab": {}}}""")]
    [InlineData("""{"model": {"vocab": {"a": 6}}}""")]
    public void A_token_id_without_a_possible_row_is_reported(string tokenizer)
    {
        Write(tokenizer);
        LayerSwapException error = Assert.ThrowsAny<LayerSwapException>(() => Plan());
        Assert.Contains("one", error.Message, StringComparison.Ordinal);
        Assert.Contains("Remedy: ", error.Message, StringComparison.Ordinal);
        string text = Tool.Fail(3, "plan", "merge", Recipe1());
        Assert.DoesNotContain("Arithmetic", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_just_beyond_the_rows_is_possible()
    {
        Write("""{"model": {"vocab": {"a": 0, "b": 5}}}""");
        Assert.Equal(6, Plan().Tensors.Single(t => t.Tensor.Name == "model.embed_tokens.weight").Tensor.Shape[0]);
    }

    private MergePlan Plan()
    {
        using Recipe recipe = Recipe.Load(Recipe1());
        return recipe.ToMerge().Plan();
    }

    private string Recipe1()
    {
        File.WriteAllText(_temp["r.yml"],
            "merge_method: linear\nparameters: {weight: 1}\nmodels: [one, two]\ntokenizer: {source: union}\n");
        return _temp["r.yml"];
    }

    private void Write(string tokenizer)
    {
        foreach (string name in (string[])["one", "two"])
        {
            Folders.Save(SmallModels.Of(name, DType.Float32, ("model.embed_tokens.weight", [5, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])),
                _temp[name]);
            File.WriteAllText(_temp[name, "tokenizer.json"], name == "one" ? tokenizer : """{"model": {"vocab": {"a": 0}}}""");
        }
    }
}
