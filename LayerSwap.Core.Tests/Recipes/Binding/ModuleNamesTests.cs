using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Recipes;

/// <summary>Tests modules of vision models, by their mergekit names.</summary>
public sealed class ModuleNamesTests : IDisposable
{
    private readonly TempFolder _temp = new(inMemory: true);

    public static TheoryData<string, string, string, string> Families => new()
    {
        // The prefixes of the text decoder, the vision tower and the projector.
        { "language_model.model.", "vision_tower.vision_model.", "multi_modal_projector.", "language_model.lm_head.weight" },
        { "model.language_model.", "model.visual.", "model.visual.merger.", "lm_head.weight" },
        { "model.", "visual.", "visual.merger.", "lm_head.weight" },
        { "model.text_model.", "model.vision_model.", "model.connector.", "lm_head.weight" },
    };

    public void Dispose() => _temp.Dispose();

    [Theory]
    [MemberData(nameof(Families))]
    public void Each_component_comes_from_the_model_named_by_its_module(string text, string tower, string projector, string head)
    {
        string[] inText = [$"{text}embed_tokens.weight", $"{text}layers.0.w", $"{text}layers.1.w", $"{text}norm.weight", head];
        string[] inTower = [$"{tower}patch_embed.w", $"{tower}blocks.0.w", $"{tower}blocks.1.w"],
            inProjector = [$"{projector}linear_1.weight"];
        foreach (string name in (string[])["a", "b", "c"])
        {
            Folders.Save(
                SmallModels.Of(
                    name,
                    DType.Float32,
                    [.. inText.Concat(inTower).Concat(inProjector).Select(n => (n, new long[] { 2 }, new double[] { name[0], 1 }))]),
                _temp[name]);
        }

        using Recipe recipe = Recipe.Parse("""
            merge_method: passthrough
            modules:
              text_decoder: {slices: [{sources: [{model: a, layer_range: [0, 2]}]}]}
              vision_tower: {slices: [{sources: [{model: b, layer_range: [0, 2]}]}]}
              multi_modal_projector: {models: [c]}
            """, _temp.Path);
        MergePlan plan = recipe.ToMerge().Plan();
        Assert.All(
            plan.Tensors,
            t => Assert.EndsWith(
                inText.Contains(t.Tensor.Name) ? "/a" : inTower.Contains(t.Tensor.Name) ? "/b" : "/c",
                Assert.Single(t.Sources),
                StringComparison.Ordinal));

        using Recipe sliced = Recipe.Parse(
            "merge_method: passthrough\nmodules:\n  vision_tower: {slices: [{sources: [{model: b, layer_range: [0, 1]}]}]}\n"
                + "  default: {models: [a]}\n",
            _temp.Path);
        Assert.Contains("only be taken whole", Assert.Throws<RecipeException>(() => sliced.ToMerge()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gradient_runs_over_the_layers_of_each_stack()
    {
        string[] names = [
            "language_model.layers.0.w", "language_model.layers.1.w", "language_model.layers.2.w", "vision_tower.blocks.0.w",
            "vision_tower.blocks.1.w", "vision_tower.patch.w"];
        foreach ((string name, double value) in new[] { ("a", 0.0), ("b", 1.0) })
        {
            Folders.Save(SmallModels.Of(name, DType.Float32, [.. names.Select(n => (n, new long[] { 1 }, new[] { value }))]), _temp[name]);
        }

        using Recipe recipe = Recipe.Parse(
            "merge_method: linear\nmodels: [{model: a, parameters: {weight: [1, 0]}}, {model: b, parameters: {weight: [0, 1]}}]\n",
            _temp.Path);
        ICheckpoint merged = recipe.ToMerge().Plan().AsCheckpoint();
        Assert.Equal([0, 0.5, 1, 0, 1, 0], names.Select(n => SmallModels.Values(merged, n)[0]));
    }
}
