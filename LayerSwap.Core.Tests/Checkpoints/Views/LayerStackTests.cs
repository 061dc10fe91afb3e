namespace LayerSwap.Tests.Checkpoints;

public sealed class LayerStackTests
{
    [Fact]
    public void Layers_are_renumbered_and_outer_tensors_come_from_first_and_last()
    {
        using ICheckpoint a = Model("a", 4, 1), b = Model("b", 4, 2);
        using ICheckpoint stack = Checkpoint.Stack((a, 0..3), (b, 1..4));
        Assert.Equal(
            ["lm_head.weight", "model.embed_tokens.weight",
                .. Enumerable.Range(0, 6).Select(i => $"model.layers.{i}.mlp.w"), "model.norm.weight"],
            stack.Tensors.Select(t => t.Name),
            StringComparer.Ordinal);
        Assert.Equal(
            [10, 11, 12, 21, 22, 23],
            Enumerable.Range(0, 6).Select(i => SmallModels.Values(stack, $"model.layers.{i}.mlp.w")[0]));
        Assert.Equal(100, SmallModels.Values(stack, "model.embed_tokens.weight")[0]);
        Assert.Equal(201, SmallModels.Values(stack, "model.norm.weight")[0]);
        Assert.Equal(202, SmallModels.Values(stack, "lm_head.weight")[0]);
        Assert.Equal(6, LayerMap.Of(stack.Tensors).LayerCount);
    }

    [Fact]
    public void A_model_may_be_stacked_on_itself_with_ranges_from_the_end()
    {
        using ICheckpoint a = Model("a", 12, 1);
        using ICheckpoint stack = Checkpoint.Stack((a, ..11), (a, ^2..), (a, 5..6));
        Assert.Equal(
            [.. Enumerable.Range(10, 11), 20, 21, 15],
            Enumerable.Range(0, 14).Select(i => (int)SmallModels.Values(stack, $"model.layers.{i}.mlp.w")[0]));
        Assert.Null(stack.Find("model.layers.14.mlp.w"));
    }

    [Fact]
    public void Disposing_a_stack_leaves_the_models_open_and_files_are_listed_once()
    {
        using TempFolder folder = new();
        using ICheckpoint file = Checkpoint.Open(RawFile.Vectors(folder["m.safetensors"], ("h.0.w", [1]), ("h.1.w", [2])));
        ICheckpoint stack = Checkpoint.Stack((file, 0..1), (file, 0..2));
        Assert.Equal(folder["m.safetensors"], Assert.Single(stack.Files).Path);
        Assert.Equal(folder["m.safetensors"], stack.FileOf("h.2.w"));
        Assert.Equal(folder.Path, stack.Folder);
        stack.Dispose();
        Assert.Equal([2], SmallModels.Bytes(file, "h.1.w"));
    }

    [Fact]
    public void Layer_numbers_with_leading_zeros_are_renumbered()
    {
        using ICheckpoint model = SmallModels.Of("m", DType.Float32, ("h.00.w", [1], [10]), ("h.01.w", [1], [11]), ("h.02.w", [1], [12]));
        using ICheckpoint stack = Checkpoint.Stack((model, 1..3));
        Assert.Equal(["h.0.w", "h.1.w"], stack.Tensors.Select(t => t.Name), StringComparer.Ordinal);
        Assert.Equal(12, SmallModels.Values(stack, "h.1.w")[0]);
        Assert.Equal(2, LayerMap.Of(stack.Tensors).LayerCount);
    }

    [Fact]
    public void A_range_past_the_last_layer_throws_an_argument_exception()
    {
        using ICheckpoint a = Model("a", 4, 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => Checkpoint.Stack((a, 0..5)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Checkpoint.Stack((a, ^5..)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Checkpoint.Stack((a, 3..2)));
    }

    [Fact]
    public void Empty_stacks_and_mismatched_models_throw_argument_exceptions()
    {
        using ICheckpoint a = Model("a", 4, 1);
        using ICheckpoint other = SmallModels.Of("other", DType.Float32, ("transformer.h.0.w", [1], [1]));
        using ICheckpoint flat = SmallModels.Of("flat", DType.Float32, ("w", [1], [1]));
        Assert.Throws<ArgumentNullException>(() => Checkpoint.Stack(null!));
        Assert.Throws<ArgumentException>(() => Checkpoint.Stack());
        string message = Assert.Throws<ArgumentException>(() => Checkpoint.Stack((a, 0..1), (other, 0..1))).Message;
        Assert.Contains("transformer.h", message, StringComparison.Ordinal);
        Assert.Contains("model.layers", message, StringComparison.Ordinal);
        Assert.Contains("flat", Assert.Throws<ArgumentException>(() => Checkpoint.Stack((flat, ..))).Message, StringComparison.Ordinal);
        Assert.Contains("flat", Assert.Throws<ArgumentException>(() => Checkpoint.Stack((a, 0..1), (flat, ..))).Message,
            StringComparison.Ordinal);
    }

    private static ICheckpoint Model(string name, int layers, int number) => SmallModels.Of(
        name,
        DType.Float32,
        [
            ("model.embed_tokens.weight", [1], [(number * 100)]),
            .. Enumerable.Range(0, layers).Select(i => ($"model.layers.{i}.mlp.w", new long[] { 1 }, new double[] { (number * 10) + i })),
            ("model.norm.weight", [1], [(number * 100) + 1]),
            ("lm_head.weight", [1], [(number * 100) + 2]),
        ]);
}
