namespace LayerSwap.Tests.Checkpoints;

public class PaddedLayersTests
{
    /// <summary>Layer numbers with leading zeros are layers like others, and their names can be told apart when they are stacked.</summary>
    [Fact]
    public void Layers_numbered_with_leading_zeros_can_be_stacked()
    {
        using ICheckpoint model = SmallModels.Of("padded", DType.Float32, ("layers.00.w", [1], [1]), ("layers.01.w", [1], [2]));
        using ICheckpoint stack = Checkpoint.Stack((model, 0..2), (model, 1..2));
        Assert.Equal(3, LayerMap.Of(stack.Tensors).LayerCount);
        Assert.Equal([1, 2, 2], stack.Tensors.Select(t => SmallModels.Values(stack, t.Name)[0]));
    }
}
