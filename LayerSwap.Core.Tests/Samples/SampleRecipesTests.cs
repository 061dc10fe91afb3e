namespace LayerSwap.Tests.Samples;

/// <summary>The recipes of samples/recipes run over the demo's models as they stand.</summary>
public sealed class SampleRecipesTests
{
    public static TheoryData<string> Files =>
        [.. Directory.EnumerateFiles(Path.Combine(Fixture.Root, "samples", "recipes"), "*.yml")
            .Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task A_sample_runs_over_the_demos_models(string file)
    {
        using TempFolder temp = new();
        using Recipe recipe = Load(file);
        MergeResult result = await recipe.ToMerge().SaveAsync(temp["out"]);
        VerifyReport verified = await Checkpoint.VerifyAsync(temp["out"]);
        Assert.True(verified.Ok && verified.HasRecord, string.Join('\n', verified.Problems));
        Assert.Equal(file == "passthrough-stack.yml" ? 12 : 8, result.Plan.Layers.LayerCount);
        Assert.Equal(file == "share_swap.yml" ? 1 : 0, recipe.Notes.Count);
    }

    [Fact]
    public void Every_method_has_a_sample()
    {
        HashSet<string> used = [];
        foreach (string line in Directory.EnumerateFiles(Path.Combine(Fixture.Root, "samples", "recipes"), "*.yml")
            .SelectMany(File.ReadLines).Where(l => l.Contains("merge_method:", StringComparison.Ordinal)))
        {
            used.Add(line.Split("merge_method:")[1].Split(',')[0].Trim());
        }

        Assert.Empty(MergeStrategies.Methods.Select(m => m.Name).Except(used));
    }

    [Fact]
    public void Layer_swap_is_the_same_as_weights_by_layer()
    {
        using Recipe swap = Load("layer_swap.yml"), linear = Load("layer_swap-as-linear.yml");
        Recipes.RecipeModels.Same(swap.ToMerge().Plan().AsCheckpoint(), linear.ToMerge().Plan().AsCheckpoint());
    }

    private static Recipe Load(string file) =>
        Recipe.Load(Path.Combine(Fixture.Root, "samples", "recipes", file), Path.GetDirectoryName(Fixture.Set1("base"))!);
}
