namespace LayerSwap.Tests.LayerMaps;

public class LayerSelectorTests
{
    private static readonly LayerMap Llama = MapOf("Llama");
    private static readonly LayerMap Llava = MapOf("LLaVA");

    [Fact]
    public void Layers_are_counted_in_the_main_stack()
    {
        LayerMap map = MapOf("Mistral");
        Assert.Equal([0, 1, 2, 3, 4], Layers.First(5).LayersOf(map));
        Assert.Equal([10, 11], Layers.Last(2).LayersOf(map));
        Assert.Equal([5, 6, 7], Layers.Range(5, 8).LayersOf(map));
        Assert.Equal([0, 11], Layers.At(11, 0, 11, 40).LayersOf(map));
        Assert.Equal(Enumerable.Range(0, 12), Layers.All.LayersOf(map));
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], (!(Layers.First(1) | Layers.Last(1))).LayersOf(map));
        Assert.Equal([2, 3], (Layers.First(4) & Layers.Last(10)).LayersOf(map));
        Assert.Equal(Enumerable.Range(0, 12), Layers.Last(int.MaxValue).LayersOf(map));
    }

    [Fact]
    public void Nothing_is_chosen_by_zero_layers()
    {
        Assert.Empty(Layers.First(0).LayersOf(Llama));
        Assert.Empty(Layers.Last(0).LayersOf(Llama));
        Assert.Empty(Layers.Range(1, 1).LayersOf(Llama));
        Assert.Empty(Layers.At().LayersOf(Llama));
        Assert.Empty(Layers.All.LayersOf(LayerMap.Of([])));
    }

    [Fact]
    public void Only_fully_selected_layers_are_listed()
    {
        Assert.Empty(Layers.Attention.LayersOf(Llama));
        Assert.Empty((!Layers.Attention).LayersOf(Llama));
        Assert.Empty(Layers.OfKind(TensorKind.Other).LayersOf(Llama));
        Assert.Equal([1], Layers.Named("model.layers.1.*").LayersOf(Llama));
        Assert.Equal([0, 1, 2], (Layers.Attention | Layers.Mlp | Layers.Norms).LayersOf(Llama));
        Assert.Equal([0, 1, 2], Layers.InStack("model.layers").LayersOf(Llama));
        Assert.Equal([0, 1, 2], (!Layers.Outside).LayersOf(Llama));
    }

    [Fact]
    public void Layers_of_other_stacks_are_not_chosen_by_number()
    {
        TensorPlace vision = Llava["vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight"];
        LayerSelector[] byNumber = [Layers.All, Layers.First(9), Layers.Last(9), Layers.Range(0, 9), Layers.At(0)];
        Assert.All(byNumber, s => Assert.False(s.Matches(vision)));
        Assert.All(byNumber, s => Assert.True(s.Matches(Llava["language_model.model.layers.0.mlp.up_proj.weight"])));
        Assert.True(Layers.InStack("vision_tower.vision_model.encoder.layers").Matches(vision));
        Assert.True((!Layers.All).Matches(vision));
    }

    [Fact]
    public void Tensors_outside_the_layers_are_in_no_layer()
    {
        LayerSelector[] byNumber = [Layers.All, Layers.First(9), Layers.Last(9),
            Layers.Range(0, 9), Layers.At(0), Layers.Attention, Layers.Mlp];
        Assert.All(byNumber, s => Assert.False(s.Matches(Llama["lm_head.weight"])));
        Assert.All(byNumber, s => Assert.False(s.Matches(Llama["model.norm.weight"])));
        Assert.True(Layers.Outside.Matches(Llama["lm_head.weight"]));
        Assert.False(Layers.Outside.Matches(Llama["model.layers.0.mlp.up_proj.weight"]));
    }

    [Fact]
    public void Kind_selectors_match_tensor_kinds()
    {
        Assert.Equal(["model.embed_tokens.weight"], Chosen(Layers.Embeddings));
        Assert.Equal(["lm_head.weight"], Chosen(Layers.Head));
        Assert.Equal(["model.norm.weight"], Chosen(Layers.FinalNorm));
        Assert.Equal(7, Chosen(Layers.Norms).Count);
        Assert.Equal(9, Chosen(Layers.Mlp).Count);
        Assert.Equal(15, Chosen(Layers.Attention).Count);
        Assert.Equal(Chosen(Layers.Mlp), Chosen(Layers.OfKind(TensorKind.Mlp)));
        Assert.Equal(33, Chosen(Layers.Everything).Count);
        Assert.Equal(3, Chosen(Layers.Outside).Count);
    }

    [Theory]
    [InlineData("*", "a.b", true)]
    [InlineData("a.?", "a.b", true)]
    [InlineData("a.?", "a.bc", false)]
    [InlineData("a.?", "a.", false)]
    [InlineData("A.*", "a.b", false)]
    [InlineData("*.b", "a.b", true)]
    [InlineData("b", "a.b", false)]
    [InlineData("a*c*e", "abcde", true)]
    [InlineData("a\\*", "a\\b", true)]
    [InlineData("a\\*", "a*", false)]
    [InlineData("a<\"b", "a<\"b", true)]
    [InlineData("a<\"b", "axxb", false)]
    public void Names_are_chosen_by_pattern(string pattern, string name, bool chosen) =>
        Assert.Equal(chosen, Layers.Named(pattern).Matches(LayerMapTests.Map(name)[name]));

    [Fact]
    public void A_selector_prints_as_it_is_typed()
    {
        Assert.Equal("Layers.First(5) | Layers.Last(2)", (Layers.First(5) | Layers.Last(2)).ToString());
        Assert.Equal("!(Layers.First(5) | Layers.Last(2))", (!(Layers.First(5) | Layers.Last(2))).ToString());
        Assert.Equal("(Layers.Norms | Layers.Head) & !Layers.All", ((Layers.Norms | Layers.Head) & !Layers.All).ToString());
        Assert.Equal("Layers.Norms & Layers.All | Layers.Head", ((Layers.Norms & Layers.All) | Layers.Head).ToString());
        Assert.Equal("Layers.Range(3, 9)", Layers.Range(3, 9).ToString());
        Assert.Equal("Layers.At(1, 2, 30)", Layers.At(30, 1, 2, 1).ToString());
        Assert.Equal("Layers.Named(\"*.bias\")", Layers.Named("*.bias").ToString());
        Assert.Equal("Layers.InStack(\"h\")", Layers.InStack("h").ToString());
        Assert.DoesNotContain('\u001b', Layers.Named("\u001b[2J").ToString());
    }

    [Fact]
    public void Bad_arguments_are_rejected_when_given()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Layers.First(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Layers.Last(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Layers.Range(-1, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => Layers.Range(3, 2));
        Assert.Throws<ArgumentException>(() => Layers.Named(""));
        Assert.Throws<ArgumentException>(() => Layers.InStack(""));
        Assert.Throws<ArgumentNullException>(() => Layers.All.Matches(null!));
        Assert.Throws<ArgumentNullException>(() => Layers.All.LayersOf(null!));
    }

    private static LayerMap MapOf(string family) => LayerMapTests.Map([.. FamilyNames.All[family].Known().Select(t => t.Name)]);

    private static List<string> Chosen(LayerSelector selector) =>
        [.. FamilyNames.All["Llama"].Known().Select(t => t.Name).Where(name => selector.Matches(Llama[name]))];
}
