namespace LayerSwap.Tests.Recipes;

/// <summary>A merge written as a recipe and read again gives the same bytes.</summary>
public sealed class RecipeWriterTests : IDisposable
{
    private readonly TempFolder _temp = new();

    public static TheoryData<string> Golden =>
        [.. Directory.EnumerateDirectories(Fixture.Path("golden", "cases"))
            .Select(d => Path.GetFileName(d)!)
            .Where(n => n is not ("linear-gradient-f32" or "linear-vocab-f32"))
            .Order(StringComparer.Ordinal)];

    public void Dispose() => _temp.Dispose();

    [Theory]
    [MemberData(nameof(Golden))]
    public async Task Mergekit_recipes_keep_their_meaning(string name)
    {
        using Recipe recipe = Recipe.Load(Fixture.Path("golden", "cases", name, "config.yml"), Fixture.Path("golden"));
        await Same(recipe.ToMerge());
    }

    [Fact]
    public async Task Builder_calls_keep_their_meaning()
    {
        using ICheckpoint baseModel = Open("base"), first = Open("expert1"), second = Open("expert2"), longer = Open("longer/base");
        await Same(Merge.LayerSwap(
            first,
            second,
            new LayerSwapOptions
            {
                Bottom = 1,
                Top = 1,
                TransitionTop = 0,
                Weights = TransitionWeights.Of(1, 3),
                Head = OutsidePolicy.Language
            }));
        await Same(Merge.LayerSwap(
            first,
            second,
            new LayerSwapOptions
            {
                Bottom = 1,
                Top = 1,
                TransitionTop = 0,
                Weights = TransitionWeights.InverselyProportional,
                Norm = OutsidePolicy.Base
            },
            baseModel));
        await Same(Merge.Soup(first, second, longer).Vocabulary(VocabularyPolicy.Pad).As(DType.BFloat16));
        await Same(Merge.Onto(baseModel).With(first, Schedule.Linear(0, 1).Where(Layers.Mlp & Layers.At(1, 2), 0.25)).With(second, 0.5)
            .Using(MergeStrategies.Ties(
                new TiesOptions { Density = PerSource.Of(0.5, Schedule.Points(0.2, 0.9, 0.4)), Lambda = 0.7, Rescale = Rescale.L1 }))
            .For(Layers.First(1), MergeStrategies.Linear())
                .For(Layers.Attention, MergeStrategies.Sce(0.5))
                .Swap(Layers.FinalNorm | Layers.At(3), second));
        await Same(Merge.Onto(baseModel).With(first).With(second).Using(MergeStrategies.Lines(0.2, 0.6)));
        await Same(Merge.Onto(baseModel).Swap(Layers.Last(2), first));
        await Same(Merge.WithoutBase().With(first).With(second).Using(
            MergeStrategies.Linear(new() { Weights = [0.2, Schedule.Linear(1, 2)], Normalize = false })));
        await Same(Merge.Onto(baseModel).With(first).Using(MergeStrategies.ThresholdInterpolation(0.4, 0.01)));
    }

    [Fact]
    public async Task A_recipe_with_rules_keeps_its_meaning()
    {
        string models = Fixture.Path("golden", "models", "f32");
        using Recipe recipe = Recipe.Parse(
            """
            merge_method: ties
            base_model: base
            models:
              - {model: expert1, parameters: {weight: 0.5, density: 0.5}}
              - {model: expert2, parameters: {weight: [0.2, 0.7], density: 0.4}}
            rules:
              - {layers: [1], merge_method: linear}
              - {filter: down_proj, source: expert3}
              - {kind: norm, source: base}
            """, models);
        await Same(recipe.ToMerge());
    }

    [Fact]
    public void Settings_without_a_recipe_form_are_named()
    {
        using ICheckpoint baseModel = Open("base"), first = Open("expert1");
        Assert.Contains(
            "rescaling by density",
            Assert.Throws<MergeException>(() => Recipe.From(
                Merge.Onto(baseModel).With(first).Using(MergeStrategies.Dare(new() { Density = 0.5, Rescale = Rescale.Density })))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "not a model on disk",
            Assert.Throws<MergeException>(() => Recipe.From(Merge.Soup(SmallModels.Llama("m", 0)))).Message,
            StringComparison.Ordinal);
    }

    private static ICheckpoint Open(string name) => Checkpoint.Open(Fixture.Path("golden", "models", "f32", name));

    private async Task Same(MergeBuilder merge)
    {
        string yaml = Recipe.From(merge);
        await merge.SaveAsync(_temp["a"], new SaveOptions { Overwrite = true });
        using Recipe again = Recipe.Parse(yaml);
        await again.ToMerge().SaveAsync(_temp["b"], new SaveOptions { Overwrite = true });
        Assert.True(
            File.ReadAllBytes(_temp["a", "model.safetensors"]).AsSpan().SequenceEqual(File.ReadAllBytes(_temp["b", "model.safetensors"])),
            yaml);
        Assert.Equal(File.ReadAllText(_temp["a", "config.json"]), File.ReadAllText(_temp["b", "config.json"]));
    }
}
