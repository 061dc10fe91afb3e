using LayerSwap.Outsider;

namespace LayerSwap.Tests.Streaming;

/// <summary>Tests blocks, also as an assembly without access to internals uses them.</summary>
public sealed class OperandBlockTests
{
    [Fact]
    public void A_block_is_made_from_arrays()
    {
        float[] output = new float[2];
        TensorInfo tensor = new("w", DType.Float32, new TensorShape(2));
        TensorOperation median = new Median().Bind(new TensorContext
        {
            Output = tensor,
            Place = LayerMap.Of([tensor])["w"],
            Sources = ["a", "b", "c"],
            Weights = [1, 1, 1],
            HasBase = false,
        });
        median.Merge(new OperandBlock<float>(0, [], [1, 20, 3, 40, 2, 30], output));
        Assert.Equal([2f, 30f], output);
    }

    [Theory]
    [InlineData(3, 4, 2)]
    [InlineData(0, 5, 2)]
    [InlineData(0, 1, 0)]
    public void Lengths_that_do_not_fit_are_rejected(int @base, int sources, int output) =>
        Assert.Throws<ArgumentException>(() => new OperandBlock<float>(0, new float[@base], new float[sources], new float[output]));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Rows_and_parts_of_them_are_found_at_their_stride(bool hasBase)
    {
        // The last row ends with the operands or a gap before their end.
        foreach (int count in (int[])[23, 27])
        {
            int[] operands = [.. Enumerable.Range(0, count)], output = new int[5];
            OperandBlock<int> block = new(100, operands, length: 5, stride: 9, hasBase, output), part = block.Slice(2, 3);
            Assert.Equal(hasBase ? (2, 5) : (3, 0), (block.SourceCount, block.Base.Length));
            Assert.Equal((102, 3, block.SourceCount), (part.Start, part.Length, part.SourceCount));
            for (int source = 0; source < block.SourceCount; source++)
            {
                int first = 9 * (source + (hasBase ? 1 : 0));
                Assert.Equal(Enumerable.Range(first, 5), block[source].ToArray());
                Assert.Equal(Enumerable.Range(first + 2, 3), part[source].ToArray());
            }

            part.Output.Fill(7);
            Assert.Equal(hasBase ? [2, 3, 4] : [], part.Base.ToArray());
            Assert.Equal([0, 0, 7, 7, 7], output);
        }
    }

    [Fact]
    public void A_block_without_elements_or_sources_has_no_sources()
    {
        Assert.Equal(0, new OperandBlock<float>(0, [], [], []).SourceCount);
        Assert.Equal(0, new OperandBlock<float>(0, [1, 2], [], new float[2]).SourceCount);
        Assert.Equal(0, new OperandBlock<float>(0, [1, 2], [], new float[2]).Slice(1, 1).SourceCount);
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    [InlineData(DType.BFloat16)]
    public async Task A_strategy_of_another_assembly_runs_in_a_merge(DType dtype)
    {
        using TempFolder temp = new();
        ICheckpoint[] models = [.. Enumerable.Range(1, 3).Select(i => SmallModels.Llama($"m{i}", i, dtype))];
        await Merge.WithoutBase().With(models[0]).With(models[1]).With(models[2]).Using(new Median()).SaveAsync(temp["out"]);
        using ICheckpoint merged = Checkpoint.Open(temp["out"]);
        double[][] values = [.. models.Select(m => SmallModels.Values(m, "model.layers.3.mlp.up_proj.weight"))];
        double[] expected = [.. Enumerable.Range(0, values[0].Length)
            .Select(i => (double)(float)values.Select(v => v[i]).Order().ElementAt(1))];
        Assert.Equal(expected, SmallModels.Values(merged, "model.layers.3.mlp.up_proj.weight"));
    }
}
