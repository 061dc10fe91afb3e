using FsCheck;
using FsCheck.Fluent;
using LayerSwap.Benchmarks.Synthetic;

namespace LayerSwap.Tests.Diff;

/// <summary>row_mav and col_mav of every two-dimensional weight, against loops in doubles.</summary>
public sealed class TensorProfileTests
{
    private static readonly DType[] Measured = [DType.Float32, DType.BFloat16,
        DType.Float16, DType.Float64, DType.Float8E4M3, DType.Float8E5M2];

    [Fact]
    public void Rows_and_columns_match_float64_loops_for_any_shape()
    {
        // A vector of the kernel is 16 elements, a compute block 2048: lengths around both, and anything between.
        Gen<int> extent = Gen.OneOf(Gen.Choose(1, 5), Gen.Choose(6, 90), Gen.Elements(15, 16, 17, 31, 32, 33));
        Gen<int> length = Gen.OneOf(extent, Gen.Elements(2047, 2048, 2049, 4097, 5000));
        var cases = from rows in extent
                    from columns in length
                    from turned in Gen.Elements(false, true)
                    from @from in Gen.Elements(Measured)
                    from to in Gen.Elements(Measured)
                    from threads in Gen.Elements(1, 2, 8)
                    from seed in Gen.Choose(0, 1 << 20)
                    select (Rows: turned ? columns : rows, Columns: turned ? rows : columns, @from, to, threads, seed);
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            double[] values = DeltaOracle.Noise(c.Rows * c.Columns, c.seed);
            ICheckpoint baseModel = SmallModels.Of("a", c.@from, ("w", [c.Rows, c.Columns], values));
            ICheckpoint[] fineTuned = [.. Enumerable.Range(1, 2)
                .Select(i => SmallModels.Of($"b{i}", c.to, ("w", [c.Rows, c.Columns], DeltaOracle.Moved(values, 0.2 * i, c.seed + i))))];
            LayerDiffReport report = LayerDiff.From(baseModel).To(fineTuned)
                .WithProfiles().OnThreads(c.threads).RunAsync().GetAwaiter().GetResult();
            Assert.Equal(["b1", "b2"], report.Profiles.Select(p => p.Model));
            Assert.All(report.Profiles.Zip(fineTuned), p => IsRight(p.First, baseModel, p.Second));
        }).Check(Properties.Config.WithMaxTest(50));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 300_001)]
    [InlineData(300_001, 3)]
    [InlineData(1, 300_001)]
    [InlineData(300_001, 1)]
    [InlineData(2, 262_144)]
    [InlineData(600, 1000)]
    public async Task Rows_and_columns_of_many_chunks_do_not_depend_on_threads(int rows, int columns)
    {
        double[] values = DeltaOracle.Noise((long)rows * columns, rows);
        ICheckpoint baseModel = SmallModels.Of("a", DType.Float32, ("w", [rows, columns], values)),
            fineTuned = SmallModels.Of("b", DType.Float32, ("w", [rows, columns], DeltaOracle.Moved(values, 0.01, columns)));
        LayerDiffReport one = await LayerDiff.From(baseModel).To(fineTuned).WithProfiles().OnThreads(1).RunAsync();
        IsRight(Assert.Single(one.Profiles), baseModel, fineTuned);
        foreach (int threads in (int[])[2, 8])
        {
            LayerDiffReport many = await LayerDiff.From(baseModel).To(fineTuned).WithProfiles().OnThreads(threads).RunAsync();
            Assert.True(one.Profiles[0].Rows.SequenceEqual(many.Profiles[0].Rows), "rows depend on threads");
            Assert.True(one.Profiles[0].Columns.SequenceEqual(many.Profiles[0].Columns), "columns depend on threads");
            Assert.Equal(one.ToJson(), many.ToJson());
        }
    }

    [Fact]
    public async Task Every_figure_of_a_whole_model_is_the_same_on_any_number_of_threads()
    {
        LlamaShape shape = new() { Layers = 4, Hidden = 40, FeedForward = 70 };
        LayerDiff diff = LayerDiff.From(new GeneratedModel("base", shape))
            .To(new GeneratedModel("x", shape, 1, _ => 0.01), new GeneratedModel("y", shape, 2, _ => 0.02))
            .GroupBy(LayerGrouping.Tensor).WithProfiles();
        LayerDiffReport one = await diff.OnThreads(1).RunAsync();
        foreach (int threads in (int[])[2, 8])
        {
            LayerDiffReport many = await diff.OnThreads(threads).RunAsync();
            Assert.Equal(one.Entries, many.Entries);
            Assert.Equal(one.Pairs, many.Pairs);
            Assert.Equal(one.Profiles.SelectMany(p => p.Rows.Concat(p.Columns)), many.Profiles.SelectMany(p => p.Rows.Concat(p.Columns)));
        }
    }

    [Fact]
    public async Task Profiles_are_ordered_by_model_and_locate_their_weight()
    {
        LlamaShape shape = new() { Layers = 3 };
        ICheckpoint baseModel = new GeneratedModel("base", shape),
            x = new GeneratedModel("x", shape, 1, _ => 0.01), y = new GeneratedModel("y", shape, 2, _ => 0.02);
        LayerDiffReport report = await LayerDiff.From(baseModel).To(x, y).WithProfiles().RunAsync();
        string[] matrices = [.. baseModel.Tensors.Where(t => t.Shape.Rank == 2).Select(t => t.Name)];
        Assert.Equal(matrices.Select(n => ("x", n)).Concat(matrices.Select(n => ("y", n))), report.Profiles.Select(p => (p.Model, p.Name)));
        Assert.All(report.Profiles, p => IsRight(p, baseModel, p.Model == "x" ? x : y));
        TensorProfile down = report.Profiles.Single(p => p is { Model: "y", Name: "model.layers.2.mlp.down_proj.weight" }),
            head = report.Profiles.First(p => p.Name == "lm_head.weight");
        Assert.Equal(("model.layers", 2, "mlp.down_proj", 32, 64),
            (down.Stack, down.Layer, down.Component, down.Rows.Count, down.Columns.Count));
        Assert.Equal((null, null, "lm_head", 48, 32), (head.Stack, head.Layer, head.Component, head.Rows.Count, head.Columns.Count));
        Assert.Empty((await LayerDiff.From(baseModel).To(x).RunAsync()).Profiles);
    }

    [Fact]
    public async Task Only_two_dimensional_weights_with_elements_have_profiles()
    {
        ICheckpoint Model(string name, double value) => SmallModels.Of(name, DType.Float32,
            ("scalar", [], [value]), ("vector", [4], [value, 0, 0, 0]), ("none", [0], []),
            ("cube", [2, 2, 2], [value, 0, 0, 0, 0, 0, 0, 0]), ("no rows", [0, 5], []),
            ("no columns", [5, 0], []), ("w", [1, 2], [value, 0]));
        LayerDiffReport report = await LayerDiff.From(Model("a", 1)).To(Model("b", 3)).WithProfiles().RunAsync();
        TensorProfile profile = Assert.Single(report.Profiles);
        Assert.Equal("w", profile.Name);
        Assert.Equal([1.0], profile.Rows);
        Assert.Equal([2.0, 0.0], profile.Columns);
    }

    [Theory]
    [InlineData(5, 37, 0, 0)]
    [InlineData(5, 37, 4, 36)]
    [InlineData(5, 37, 2, 15)]
    [InlineData(3, 200_001, 1, 199_999)]
    [InlineData(3, 200_001, 2, 0)]
    public async Task Non_finite_values_affect_only_their_row_and_column(int rows, int columns, int row, int column)
    {
        double[] values = DeltaOracle.Noise((long)rows * columns, 1), bad = DeltaOracle.Moved(values, 0.01, 2);
        foreach (double what in (double[])[double.NaN, double.PositiveInfinity, double.NegativeInfinity])
        {
            bad[(row * columns) + column] = what;
            LayerDiffReport report = await LayerDiff.From(SmallModels.Of("a", DType.Float32, ("w", [rows, columns], values)))
                .To(SmallModels.Of("b", DType.Float32, ("w", [rows, columns], bad))).WithProfiles().RunAsync();
            TensorProfile profile = Assert.Single(report.Profiles);
            Assert.Equal([row], Enumerable.Range(0, rows).Where(i => !double.IsFinite(profile.Rows[i])));
            Assert.Equal([column], Enumerable.Range(0, columns).Where(j => !double.IsFinite(profile.Columns[j])));
            Assert.Equal(Math.Abs(what), profile.Rows[row]);
            Assert.Equal(Math.Abs(what), profile.Columns[column]);
        }
    }

    private static void IsRight(TensorProfile profile, ICheckpoint baseModel, ICheckpoint fineTuned)
    {
        IReadOnlyList<long> extents = baseModel.Find(profile.Name)!.Shape.Extents.ToArray();
        double[] changes = DeltaOracle.Changes(baseModel, fineTuned, profile.Name);
        DeltaOracle.Near(DeltaOracle.Rows(changes, extents[0], extents[1]), profile.Rows);
        DeltaOracle.Near(DeltaOracle.Columns(changes, extents[0], extents[1]), profile.Columns);
    }
}
