namespace LayerSwap.Tests.Checkpoints;

/// <summary>Tests a model that packs its experts beside one that has them one by one.</summary>
public class ExpertsApartTests
{
    private const int Experts = 3, Inner = 2, Hidden = 4;

    [Fact]
    public void Packed_experts_are_split_into_equal_rows()
    {
        ICheckpoint apart = Apart("apart", 1), packed = Packed(apart);
        ICheckpoint view = packed.WithExpertsApart();
        Assert.Equal(apart.Tensors.Select(t => t.ToString()), view.Tensors.Select(t => t.ToString()));
        Assert.All(apart.Tensors, t => Assert.Equal(SmallModels.Bytes(apart, t.Name), SmallModels.Bytes(view, t.Name)));
        Assert.Same(apart, apart.WithExpertsApart());
    }

    [Fact]
    public void Mixed_layouts_are_rejected_and_the_remedy_works()
    {
        ICheckpoint apart = Apart("apart", 1), packed = Packed(Apart("packed", 2));
        MergeException error = Assert.Throws<MergeException>(() => Merge.Soup(apart, packed).Plan());
        Assert.Contains("--map experts", error.Message, StringComparison.Ordinal);
        ICheckpoint merged = Merge.Soup(apart, packed.WithExpertsApart()).Plan().AsCheckpoint();
        Assert.Equal(Merge.Soup(apart, Apart("packed", 2)).Plan().AsCheckpoint().Tensors.Count, merged.Tensors.Count);
        Assert.All(merged.Tensors,
            t => Assert.Equal(SmallModels.Bytes(Merge.Soup(apart, Apart("packed", 2)).Plan().AsCheckpoint(), t.Name),
                SmallModels.Bytes(merged, t.Name)));
    }

    [Fact]
    public void Experts_not_packed_by_rows_are_rejected()
    {
        ICheckpoint transposed = SmallModels.Of("transposed", DType.Float32,
            ("layers.0.mlp.experts.gate_up_proj", [Experts, Hidden, 2 * Inner], new double[Experts * Hidden * 2 * Inner]),
            ("layers.0.mlp.experts.down_proj", [Experts, Inner, Hidden], new double[Experts * Inner * Hidden]));
        Assert.Contains("by rows", Assert.Throws<MergeException>(() => transposed.WithExpertsApart()).Message, StringComparison.Ordinal);
        Assert.DoesNotContain("--map experts",
            Assert.Throws<MergeException>(() => Merge.Soup(Apart("apart", 1), transposed).Plan()).Message, StringComparison.Ordinal);
    }

    private static ICheckpoint Apart(string name, int seed)
    {
        Random random = new(seed);
        double[] Some(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(100) / 8.0)];
        return SmallModels.Of(name, DType.BFloat16,
            [("model.embed_tokens.weight", [5, Hidden], Some(5 * Hidden)),
                .. from layer in Enumerable.Range(0, 2) from expert in Enumerable.Range(0, Experts)
            from part in new[] { ("down_proj", new long[] { Hidden, Inner }), ("gate_proj", [Inner, Hidden]), ("up_proj", [Inner, Hidden]) }
            select ($"model.layers.{layer}.mlp.experts.{expert}.{part.Item1}.weight", part.Item2, Some(Hidden * Inner))]);
    }

    private static ICheckpoint Packed(ICheckpoint apart)
    {
        byte[] Of(int layer, int expert, string part) =>
            SmallModels.Bytes(apart, $"model.layers.{layer}.mlp.experts.{expert}.{part}.weight");
        IEnumerable<int> all = Enumerable.Range(0, Experts);
        return Checkpoint.InMemory(apart.Name,
            [(apart.Find("model.embed_tokens.weight")!, SmallModels.Bytes(apart, "model.embed_tokens.weight")),
                .. Enumerable.Range(0, 2).SelectMany(l => new (TensorInfo, ReadOnlyMemory<byte>)[]
        {
            (new TensorInfo($"model.layers.{l}.mlp.experts.gate_up_proj", DType.BFloat16, new TensorShape(Experts, 2 * Inner, Hidden)),
                all.SelectMany(e => Of(l, e, "gate_proj").Concat(Of(l, e, "up_proj"))).ToArray()),
            (new TensorInfo($"model.layers.{l}.mlp.experts.down_proj", DType.BFloat16, new TensorShape(Experts, Hidden, Inner)),
                all.SelectMany(e => Of(l, e, "down_proj")).ToArray()),
        })]);
    }
}
