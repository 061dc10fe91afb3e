namespace LayerSwap.Tests.LayerMaps;

/// <summary>Tests counting layers in a stack of choice.</summary>
public class MainStackTests
{
    private static readonly LayerSwapOptions Bottom = new()
    {
        Bottom = 1,
        Top = 0,
        TransitionBottom = 0,
        TransitionTop = 0,
        Embeddings = OutsidePolicy.Task,
        Norm = OutsidePolicy.Task,
        Head = OutsidePolicy.Task,
        Others = OutsidePolicy.Task
    };

    [Fact]
    public void Layers_are_swapped_in_the_stack_that_was_chosen()
    {
        ICheckpoint task = Model("task"), language = Model("language");
        Assert.Equal(["decoder.block.0.w"], FromLanguage(Merge.LayerSwap(task, language, Bottom)));
        Assert.Equal(["encoder.block.0.w"],
            FromLanguage(Merge.LayerSwap(task.WithMainStack("encoder.block"), language.WithMainStack("encoder.block"), Bottom)));
        Assert.Same(task, task.WithMainStack("decoder.block"));
    }

    [Fact]
    public void The_selected_stack_is_stacked()
    {
        LayerMap map =
            LayerMap.Of(Checkpoint.Stack((Model("m").WithMainStack("encoder.block"), ..1),
                (Model("n").WithMainStack("encoder.block"), ..)));
        Assert.Equal(("encoder.block", 3, 2), (map.MainStack, map.LayerCount, map.Stacks["decoder.block"]));
    }

    [Fact]
    public async Task A_recipe_chooses_the_stack()
    {
        using TempFolder temp = new();
        foreach (string name in (string[])["task", "language"])
        {
            await Merge.Onto(Model(name)).SaveAsync(temp[name]);
        }

        using Recipe recipe = Recipe.Parse("""
            merge_method: layer_swap
            models: [task, language]
            stack: encoder.block
            parameters: {bottom: 1, top: 0, transition: 0, embeddings: task, norm: task, head: task, others: task}
            """, temp.Path);
        Assert.Equal(["encoder.block.0.w"],
            [.. recipe.ToMerge()
                .Plan().Tensors.Where(t => t.Sources.All(s => s.EndsWith("language", StringComparison.Ordinal)))
                .Select(t => t.Tensor.Name)]);
    }

    [Fact]
    public void A_missing_stack_is_reported_with_the_available_ones()
    {
        MergeException error = Assert.Throws<MergeException>(() => Model("m").WithMainStack("encoder.layers"));
        Assert.Contains("encoder.block, decoder.block",
            error.Message.Replace("decoder.block, encoder.block", "encoder.block, decoder.block", StringComparison.Ordinal),
            StringComparison.Ordinal);
    }

    private static string[] FromLanguage(MergeBuilder merge) =>
        [.. merge.Plan().Tensors.Where(t => t.Sources.SequenceEqual(["language"])).Select(t => t.Tensor.Name)];

    private static ICheckpoint Model(string name) =>
        SmallModels.Of(name, DType.Float32,
            [.. ((string[])["shared.weight", "encoder.block.0.w", "encoder.block.1.w", "decoder.block.0.w", "decoder.block.1.w"])
                .Select(n => (n, new long[] { 2, 2 }, new double[] { 1, 2, 3, 4 }))]);
}
