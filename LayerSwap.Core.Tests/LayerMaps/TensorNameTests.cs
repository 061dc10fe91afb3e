using LayerSwap.LayerMaps;

namespace LayerSwap.Tests.LayerMaps;

public class TensorNameTests
{
    [Theory]
    [InlineData("model.layers.3.mlp.up_proj.weight", "model.layers", 3, "mlp.up_proj")]
    [InlineData("h.0.weight", "h", 0, "weight")]
    [InlineData("h.0.ln.bias", "h", 0, "ln.bias")]
    [InlineData("encoder.block.3.layer.1.layer_norm.weight", "encoder.block", 3, "layer.1.layer_norm")]
    [InlineData("layers.3.mlp.experts.17.w1.weight", "layers", 3, "mlp.experts.*.w1")]
    [InlineData("layers.3.mlp.experts.17", "layers", 3, "mlp.experts.*")]
    [InlineData("0.auto_model.layer.2.w", "0.auto_model.layer", 2, "w")]
    [InlineData("layers.999999.w", "layers", 999_999, "w")]
    [InlineData("layers.x.5.w", "layers.x", 5, "w")]
    public void A_name_is_parsed(string name, string stack, int layer, string component) =>
        Assert.Equal(new TensorName(stack, layer, component), TensorName.Parse(name, new NamePool()));

    [Theory]
    [InlineData("", "")]
    [InlineData("weight", "weight")]
    [InlineData("lm_head.weight", "lm_head")]
    [InlineData("0.weight", "0")]
    [InlineData("12", "12")]
    [InlineData("layers.3", "layers.3")]
    [InlineData("layers.1000000.w", "layers.1000000.w")]
    [InlineData("layers.99999999999999999999999.w", "layers.99999999999999999999999.w")]
    [InlineData("layers.-1.w", "layers.-1.w")]
    [InlineData("layers.+1.w", "layers.+1.w")]
    [InlineData("layers. 1.w", "layers. 1.w")]
    [InlineData("layers.1a.w", "layers.1a.w")]
    [InlineData("layers.\u0661.w", "layers.\u0661.w")]
    [InlineData("mlp.experts.4.w", "mlp.experts.*.w")]
    [InlineData("...", "...")]
    [InlineData(".experts.4..w.weight", ".experts.*..w")]
    [InlineData("..experts.4", "..experts.*")]
    [InlineData("a..b.weight", "a..b")]
    public void A_name_without_a_layer_has_no_stack(string name, string component) =>
        Assert.Equal(new TensorName(null, 0, component), TensorName.Parse(name, new NamePool()));

    [Theory]
    [InlineData("layers..3.w", "layers.")]
    [InlineData(".3.w", "")]
    public void Empty_segments_belong_to_the_stack(string name, string stack)
    {
        TensorName parts = TensorName.Parse(name, new NamePool());
        Assert.Equal(stack, parts.Stack);
        Assert.Equal(3, parts.Layer);
        Assert.False(parts.IsKnownStack);
    }

    [Theory]
    [InlineData("model.layers.0.w", true)]
    [InlineData("h.0.w", true)]
    [InlineData("visual.blocks.0.w", true)]
    [InlineData("graph.0.w", false)]
    [InlineData("mlp1.0.w", false)]
    [InlineData("lm_head.weight", false)]
    public void Some_words_name_a_stack(string name, bool known) =>
        Assert.Equal(known, TensorName.Parse(name, new NamePool()).IsKnownStack);
}
