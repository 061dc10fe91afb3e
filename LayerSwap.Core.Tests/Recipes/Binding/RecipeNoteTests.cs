using LayerSwap.Tests.Cli;
using LayerSwap.Tests.Faults;

namespace LayerSwap.Tests.Recipes;

/// <summary>Every key of a recipe is used, rejected or noted. No key is ignored silently.</summary>
public sealed class RecipeNoteTests : IDisposable
{
    private readonly TempFolder _temp = new(inMemory: true);

    public RecipeNoteTests()
    {
        foreach (string name in (string[])["a", "b", "base"])
        {
            Folders.Save(SmallModels.Llama(name, name.Length, layers: 2), _temp[name]);
        }
    }

    public void Dispose() => _temp.Dispose();

    [Fact]
    public void A_module_without_tensors_is_an_error_that_suggests_the_closest_name()
    {
        RecipeException error = Assert.Throws<RecipeException>(() =>
            Notes("merge_method: linear\nmodules:\n  modle:\n    models: [{model: a, parameters: {weight: 1}}, {model: b, parameters: "
                + "{weight: 1}}]\n"));
        Assert.Contains("no tensor belongs to module modle; nearest is model", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_filter_without_matches_is_noted_with_the_closest_name() =>
        Assert.Contains(
            Notes("merge_method: slerp\nbase_model: a\nmodels: [a, b]\nparameters: {t: [{filter: self_atn, value: 0.2}, {value: 0.5}]}\n"),
            n => n.Contains("filter self_atn", StringComparison.Ordinal) && n.Contains("self_attn", StringComparison.Ordinal));

    [Fact]
    public void An_architecture_override_is_rejected_and_a_revision_is_resolved()
    {
        Assert.Contains(
            "override_architecture",
            Assert.Throws<RecipeException>(() => Notes(
                "merge_method: linear\nmodels: [{model: {model: a, override_architecture: LlamaForCausalLM}, parameters: {weight: "
                    + "1}}]\n")).Message,
            StringComparison.Ordinal);
        string hub = _temp["hub", "models--o--n"];
        foreach (string commit in (string[])["111", "222"])
        {
            Directory.CreateDirectory(Path.Combine(hub, "snapshots"));
            Outside.Run("cp", "-r", _temp["a"], Path.Combine(hub, "snapshots", commit));
        }

        Directory.CreateDirectory(Path.Combine(hub, "refs", "pr"));
        File.WriteAllText(Path.Combine(hub, "refs", "main"), "222\n");
        File.WriteAllText(Path.Combine(hub, "refs", "pr", "1"), "111");
        File.WriteAllText(Path.Combine(hub, "refs", "gone"), "333");
        foreach ((string revision, string? commit) in
            (ReadOnlySpan<(string, string?)>)[
                ("", "222"), ("main", "222"), ("pr/1", "111"), ("111", "111"), ("gone", null), ("nope", null), ("../../x", null)])
        {
            string recipe = $"merge_method: passthrough\nmodels: [{{model: {{model: {{path: o/n, revision: '{revision}'}}}}}}]\n".Replace(
                ", revision: ''", "", StringComparison.Ordinal);
            if (commit is null)
            {
                Assert.Contains("models--o--n", Assert.Throws<CheckpointException>(() => Notes(recipe)).Message, StringComparison.Ordinal);
                continue;
            }

            using Recipe read = Recipe.Parse(recipe, _temp.Path, _temp["hub"]);
            Assert.EndsWith(commit, read.ToMerge().Plan().Tensors[0].Sources[0], StringComparison.Ordinal);
        }
    }

    private IReadOnlyList<string> Notes(string yaml)
    {
        using Recipe recipe = Recipe.Parse(yaml, _temp.Path, _temp["hub"]);
        recipe.ToMerge();
        return recipe.Notes;
    }
}
