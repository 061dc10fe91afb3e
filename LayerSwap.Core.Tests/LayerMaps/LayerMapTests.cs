namespace LayerSwap.Tests.LayerMaps;

public class LayerMapTests
{
    public static TheoryData<string> Families => [.. FamilyNames.All.Keys];

    [Theory]
    [MemberData(nameof(Families))]
    public void Published_names_are_placed(string family)
    {
        Family known = FamilyNames.All[family];
        KnownTensor[] tensors = [.. known.Known()];
        LayerMap map = Map([.. tensors.Select(t => t.Name)]);
        foreach (KnownTensor tensor in tensors)
        {
            TensorPlace place = map[tensor.Name];
            Assert.Equal(tensor, new KnownTensor(place.Name, place.Kind, place.Stack, place.Layer, place.Component));
            Assert.Equal(tensor.Stack == known.Main, place.InMainStack);
            Assert.Equal(known.Stacks[tensor.Stack ?? known.Main], place.LayerCount);
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Published_stacks_are_found_and_no_others(string family)
    {
        Family known = FamilyNames.All[family];
        LayerMap map = Map([.. known.Known().Select(t => t.Name).Reverse()]);
        Assert.Equal(known.Stacks.OrderBy(s => s.Key, StringComparer.Ordinal), map.Stacks.OrderBy(s => s.Key, StringComparer.Ordinal));
        Assert.Equal(known.Main, map.MainStack);
        Assert.Equal(known.Stacks[known.Main], map.LayerCount);
    }

    [Fact]
    public void Every_supported_family_is_tested() => Assert.InRange(FamilyNames.All.Count, 28, int.MaxValue);

    [Fact]
    public void No_tensors_have_no_layers()
    {
        LayerMap map = LayerMap.Of([]);
        Assert.Null(map.MainStack);
        Assert.Equal(0, map.LayerCount);
        Assert.Empty(map.Stacks);
        Assert.Throws<KeyNotFoundException>(() => map["x"]);
    }

    [Fact]
    public void Tensors_of_a_model_without_layers_are_outside()
    {
        LayerMap map = Map("weight", "linear.weight", "linear.bias");
        Assert.All(new[] { "weight", "linear.weight", "linear.bias" }, name =>
        {
            Assert.Null(map[name].Stack);
            Assert.Null(map[name].Layer);
            Assert.False(map[name].InMainStack);
            Assert.Equal(0, map[name].LayerCount);
        });
        Assert.Equal("weight", map["weight"].Component);
        Assert.Equal("linear", map["linear.weight"].Component);
        Assert.Equal("linear.bias", map["linear.bias"].Component);
    }

    [Fact]
    public void Blocks_of_an_unknown_name_are_layers_when_they_repeat_from_zero()
    {
        string[] names = [..
            from n in Enumerable.Range(0, 4)
            from part in new[] { "q.weight", "k.weight", "up.weight" }
            select FormattableString.Invariant($"body.stage.{n}.{part}")];
        Assert.Equal("body.stage", Map(names).MainStack);
        Assert.Equal(4, Map(names).LayerCount);
        Assert.Null(Map([.. names.Where(n => !n.StartsWith("body.stage.0.", StringComparison.Ordinal))]).MainStack);
        Assert.Null(Map([.. names.Where(n => !n.StartsWith("body.stage.2.", StringComparison.Ordinal))]).MainStack);
        Assert.Null(Map([.. names.Where(n => n != "body.stage.3.k.weight")]).MainStack);
    }

    [Fact]
    public void The_parts_of_a_sequence_are_not_layers() =>
        Assert.Empty(Map("classifier.0.weight", "classifier.0.bias",
            "classifier.1.running_mean", "classifier.1.weight", "classifier.3.weight").Stacks);

    [Fact]
    public void A_known_stack_with_a_gap_counts_to_its_highest_layer() =>
        Assert.Equal(8, Map("model.layers.0.mlp.weight", "model.layers.7.mlp.weight").LayerCount);

    [Fact]
    public void The_largest_stack_is_the_main_one_by_default()
    {
        LayerMap map = LayerMap.Of(
        [
            new TensorInfo("left.layers.0.w", DType.Float32, new TensorShape(100)),
            new TensorInfo("right.layers.0.w", DType.Float32, new TensorShape(10)),
            new TensorInfo("right.layers.1.w", DType.Float32, new TensorShape(10)),
        ]);
        Assert.Equal("left.layers", map.MainStack);
        Assert.Equal(1, map.LayerCount);
        Assert.Equal(2, map["right.layers.1.w"].LayerCount);
    }

    [Fact]
    public void The_decoder_is_the_main_stack_for_any_encoder_depth()
    {
        LayerMap map =
            LayerMap.Of([new TensorInfo("encoder.layers.0.w", DType.Float32, new TensorShape(100)),
                new TensorInfo("decoder.layers.0.w", DType.Float32, new TensorShape(10))]);
        Assert.Equal("decoder.layers", map.MainStack);
    }

    [Fact]
    public void The_language_stack_is_the_main_one_at_any_size()
    {
        LayerMap map = LayerMap.Of(
        [
            new TensorInfo("audio_tower.layers.0.w", DType.Float32, new TensorShape(1000)),
            new TensorInfo("vision_tower.encoder.layers.0.w", DType.Float32, new TensorShape(1000)),
            new TensorInfo("model.layers.0.w", DType.Float32, new TensorShape(10)),
        ]);
        Assert.Equal("model.layers", map.MainStack);
    }

    [Fact]
    public void Names_may_repeat_over_models()
    {
        TensorInfo tensor = new("h.0.w", DType.Float32, new TensorShape(4));
        Assert.Equal(1, LayerMap.Of([tensor, tensor]).LayerCount);
    }

    internal static LayerMap Map(params string[] names) =>
        LayerMap.Of(names.Select(name => new TensorInfo(name, DType.Float32, new TensorShape(4))));
}
