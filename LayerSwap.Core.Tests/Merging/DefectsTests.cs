namespace LayerSwap.Tests.Merging;

/// <summary>What methods.md says of the established tool's defects: none of them here. And what cannot be merged is refused when planned,
/// by name.</summary>
public sealed class DefectsTests
{
    private static readonly double[] Twos = [1, 2, 4, 8];

    /// <summary>The methods that merge a base and exactly one other.</summary>
    private static readonly string[] OfOne = ["slerp", "nearswap", "arcee_fusion", "expo", "threshold_interpolation", "passthrough"];

    public static TheoryData<string> NeedingBase =>
        [.. MergeStrategies.Methods.Where(m => m.NeedsBase && !m.IsWholeModel).Select(m => m.Name)];

    public static TheoryData<string> All => [.. MergeStrategies.Methods.Where(m => !m.IsWholeModel).Select(m => m.Name)];

    [Theory]
    [InlineData("breadcrumbs")]
    [InlineData("breadcrumbs_ties")]
    public void Breadcrumbs_on_a_tensor_under_100_elements_drops_no_outlier_and_keeps_the_rest(string method)
    {
        double[] changes = [.. Enumerable.Range(1, 50).Select(i => (double)i)];
        double[] merged = Run(DType.Float32, [5, 10], new double[50], [changes], Create(method, ("density", 0.9), ("gamma", 0.01)));
        Assert.Equal(changes.Select(c => c > 5 ? c : 0), merged);
    }

    [Theory]
    [InlineData("ties")]
    [InlineData("breadcrumbs")]
    [InlineData("breadcrumbs_ties")]
    public void A_density_so_small_that_nothing_is_kept_gives_the_base(string method)
    {
        double[] baseModel = [1, -2, 3, -4];
        foreach (double rescale in Twos[..1].Append(0))
        {
            Assert.Equal(baseModel,
                Run(DType.BFloat16, [4], baseModel, [Twos, [5, 5, 5, 5]], Create(method, ("density", 0.2), ("rescale", rescale))));
        }
    }

    [Theory]
    [InlineData("dare_linear")]
    [InlineData("dare_ties")]
    public void Density_0_gives_the_base(string method) =>
        Assert.Equal([1, -2, 3, -4], Run(DType.BFloat16, [4], [1, -2, 3, -4], [Twos, [5, 5, 5, 5]], Create(method, ("density", 0))));

    [Theory]
    [InlineData("ties")]
    [InlineData("dare_linear")]
    [InlineData("dare_ties")]
    [InlineData("breadcrumbs")]
    [InlineData("della")]
    [InlineData("della_linear")]
    public void Rescaling_of_f16_does_not_overflow(string method)
    {
        // The magnitudes sum to 8,000,000: a half holds 65,504.
        double[] changes = [.. Enumerable.Range(0, 20_000).Select(i => i % 2 == 0 ? 400.0 : -400)];
        double[] merged = Run(DType.Float16, [20, 1000], new double[20_000], [changes], Create(method, ("density", 0.5), ("rescale", 1)));
        double[] kept = [.. merged.Where(v => v != 0)];
        Assert.InRange(kept.Length, 9_500, 10_500);
        Assert.All(kept, v => Assert.InRange(Math.Abs(v), 760, 840));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(11)]
    public void Sce_where_nothing_varies_is_the_base_or_with_everything_selected_the_plain_consensus(int sources)
    {
        // Sums of thirds and sevenths are rounded, but equal deltas have no variance.
        double[] fineTuned = [.. Enumerable.Range(1, 30).Select(i => i / 7.0)],
            baseModel = [.. Enumerable.Range(1, 30).Select(i => i / 3e5)];
        foreach (double share in (double[])[0.4, 1])
        {
            using TempFolder temp = new();
            Save(DType.Float64, [2, 5, 3], baseModel, [.. Enumerable.Repeat(fineTuned, sources)], MergeStrategies.Sce(share), temp["out"]);
            using ICheckpoint merged = Checkpoint.Open(temp["out"]);
            Assert.Equal([2, 5, 3], merged.Find("w")!.Shape.Extents.ToArray());
            Assert.All((share < 1 ? baseModel : fineTuned).Zip(SmallModels.Values(merged, "w")),
                p => Assert.Equal(p.First, p.Second, 1e-12));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Identical_NaNs_have_no_variance(int sources)
    {
        double[] baseModel = [.. Enumerable.Range(0, 100).Select(i => (double)i)],
            fineTuned = [.. baseModel.Select((x, i) => i == 50 ? double.NaN : x + 1)];
        MergeBuilder merge = Merge.Onto(SmallModels.Of("base", DType.Float32, ("w", [100], baseModel)));
        for (int s = 0; s < sources; s++)
        {
            merge = merge.With(SmallModels.Of($"source {s}", DType.Float32, ("w", [100], fineTuned)));
        }

        Assert.Equal(baseModel, SmallModels.Values(merge.Using(MergeStrategies.Sce(0.5)).Plan().AsCheckpoint(), "w"));
    }

    [Theory]
    [InlineData(DType.BFloat16, 3)]
    [InlineData(DType.Float32, 3)]
    [InlineData(DType.Float32, 5)]
    [InlineData(DType.Float64, 4)]
    public void Sce_ranks_equal_variances_by_index(DType dtype, int sources)
    {
        // The same changes in every order, and shifted: the variance is one, whatever a mean's rounding makes of it.
        double[] changes = [0.1015625, 0.3046875, 0.2265625, 0.75, -0.40625];
        const int Elements = 60;
        double[][] models = [.. Enumerable.Range(0, sources)
            .Select(s => Enumerable.Range(0, Elements)
                .Select(i => changes[((s * (1 + (i % 2))) + i) % sources] + ((i % 3) * 0.5)).ToArray())];
        if (sources == 4)
        {
            // A step of two does not permute four elements.
            models = [.. Enumerable.Range(0, sources)
                .Select(s => Enumerable.Range(0, Elements).Select(i => changes[(s + i) % sources] + ((i % 3) * 0.5)).ToArray())];
        }

        double[] merged = Run(dtype, [Elements], new double[Elements], models, MergeStrategies.Sce(0.25));
        Assert.All(merged.Skip(Elements / 4), v => Assert.Equal(0, v));
        Assert.Contains(merged.Take(Elements / 4), v => v != 0);
    }

    [Fact]
    public void Sce_counts_equal_changes_as_not_varying()
    {
        // Of twenty elements two vary, whatever rounding does to the mean of the eleven equal changes of the others.
        double[][] sources = [.. Enumerable.Range(0, 11)
            .Select(s => Enumerable.Range(1, 20).Select(i => (i / 7.0) + (s == 3 ? Math.Max(0, 2 * (i - 18)) : 0)).ToArray())];
        double[] merged = Run(DType.Float64, [20], new double[20], sources, MergeStrategies.Sce(0.5));
        Assert.Equal([19], Enumerable.Range(0, 20).Where(i => merged[i] != 0));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Bf16_results_are_written_as_bf16(string method)
    {
        using TempFolder temp = new();
        double[][] sources = [[1.5, 2, 3, 4], [4, 3, 2, 2.5]];
        Save(DType.BFloat16, [2, 2], [1, 1.5, 1, 1.25], OfOne.Contains(method) ? sources[..1] : sources, Default(method), temp["out"]);
        using ICheckpoint merged = Checkpoint.Open(temp["out"]);
        Assert.Equal((DType.BFloat16, 8), (merged.Find("w")!.DType, merged.Find("w")!.ByteLength));
    }

    [Theory]
    [InlineData("della", new long[0])]
    [InlineData("della", new long[] { 24 })]
    [InlineData("della", new long[] { 2, 3, 4 })]
    [InlineData("della", new long[] { 24, 1, 1 })]
    [InlineData("della_linear", new long[0])]
    [InlineData("della_linear", new long[] { 24 })]
    [InlineData("della_linear", new long[] { 2, 3, 4 })]
    [InlineData("della_linear", new long[] { 24, 1, 1 })]
    public void Della_merges_tensors_of_any_rank(string method, long[] shape)
    {
        int count = (int)shape.Aggregate(1L, (a, b) => a * b);
        double[] changes = [.. Enumerable.Range(1, count).Select(i => (double)i)];
        double[] merged = Run(DType.Float32, shape, new double[count], [changes], Create(method, ("density", 0.5), ("rescale", 0)));
        Assert.All(changes.Zip(merged), p => Assert.True(p.Second == 0 || p.Second == p.First));
    }

    [Fact]
    public void Model_stock_at_its_pole_gives_the_base()
    {
        double root = Math.Sqrt(0.75);
        Assert.Equal([1, 2], Run(DType.Float32, [2], [1, 2], [[2, 4], [0, 0]], MergeStrategies.ModelStock()));
        // Three changes a third of a circle apart: c = -1/2.
        double[] merged = Run(DType.Float64, [2], [5, 5], [[6, 5], [4.5, 5 + root], [4.5, 5 - root]],
            MergeStrategies.ModelStock(filterWise: true));
        Assert.All(merged, v => Assert.Equal(5, v, 1e-9));
    }

    [Theory]
    [InlineData("ties", "density", -0.1, "0 or more")]
    [InlineData("dare_ties", "density", -1, "0 or more")]
    [InlineData("breadcrumbs", "gamma", 1, "0 up to, but without, 1")]
    [InlineData("breadcrumbs_ties", "gamma", -0.01, "0 up to, but without, 1")]
    [InlineData("della", "epsilon", 0.5, "distance of density 0.5 to 0 and to 1")]
    [InlineData("della_linear", "epsilon", 0.7, "distance of density 0.5 to 0 and to 1")]
    [InlineData("della", "epsilon", -0.1, "0 or more")]
    [InlineData("sce", "select_topk", 1.1, "0 to 1")]
    [InlineData("sce", "select_topk", -0.5, "0 to 1")]
    public void Parameters_out_of_range_are_rejected_when_planned(string method, string parameter, double value, string range)
    {
        (string, double)[] values = parameter == "epsilon" ? [("density", 0.5), (parameter, value)] : [(parameter, value)];
        string problem = Problem(Merge.Onto(Model("base")).With(Model("a")).With(Model("b")).Using(Create(method, values)));
        Assert.All((string[])[method, $"{parameter} is {value.ToString(System.Globalization.CultureInfo.InvariantCulture)}", range],
            p => Assert.Contains(p, problem, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(NeedingBase))]
    public void A_missing_base_is_named(string method)
    {
        MergeBuilder builder = Merge.WithoutBase().With(Model("a")).With(Model("b"));
        string problem = Problem(builder.Using(Default(method)));
        Assert.StartsWith(method, problem, StringComparison.Ordinal);
        Assert.Contains("base", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("slerp", 2, "2")]
    [InlineData("nearswap", 2, "2")]
    [InlineData("arcee_fusion", 2, "2")]
    [InlineData("expo", 2, "2")]
    [InlineData("threshold_interpolation", 2, "2")]
    [InlineData("passthrough", 2, "2")]
    [InlineData("nuslerp", 3, "3")]
    [InlineData("model_stock", 1, "1")]
    public void A_wrong_number_of_models_is_named(string method, int sources, string named)
    {
        MergeBuilder builder = Merge.Onto(Model("base"));
        for (int s = 0; s < sources; s++)
        {
            builder = builder.With(Model($"source {s}"));
        }

        string problem = Problem(builder.Using(Default(method)));
        Assert.StartsWith(method, problem, StringComparison.Ordinal);
        Assert.Contains(named, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Values_per_source_need_one_or_all()
    {
        MergeBuilder Builder(PerSource density) =>
            Merge.Onto(Model("base")).With(Model("a")).With(Model("b")).Using(MergeStrategies.Ties(density));
        Assert.Contains("density has 3 values for 2 sources", Problem(Builder(PerSource.Of(0.1, 0.2, 0.3))), StringComparison.Ordinal);
        Assert.Single(Builder(PerSource.Of(0.1, 0.2)).Plan().Tensors);
        Assert.Single(Builder(0.3).Plan().Tensors);
        Assert.Throws<ArgumentException>(() => PerSource.Of());
    }

    private static ICheckpoint Model(string name) => SmallModels.Of(name, DType.Float32, ("w", [4], Twos));

    private static string Problem(MergeBuilder builder) => Assert.Single(Assert.Throws<MergeException>(builder.Plan).Problems);

    private static IMergeStrategy Default(string method) => method switch
    {
        "nearswap" => Create(method, ("t", 0.1)),
        "passthrough" => Create(method, ("scale", 0.5)),
        _ => Create(method),
    };

    private static IMergeStrategy Create(string method, params (string Name, double Value)[] values) =>
        MergeStrategies.Find(method).Create(values.ToDictionary(v => v.Name, v => PerSource.FromDouble(v.Value), StringComparer.Ordinal));

    private static double[] Run(DType dtype, long[] shape, double[] baseModel, double[][] sources, IMergeStrategy strategy)
    {
        using TempFolder temp = new();
        Save(dtype, shape, baseModel, sources, strategy, temp["out"]);
        using ICheckpoint merged = Checkpoint.Open(temp["out"]);
        return SmallModels.Values(merged, "w");
    }

    private static void Save(DType dtype, long[] shape, double[] baseModel, double[][] sources, IMergeStrategy strategy, string path)
    {
        MergeBuilder builder = Merge.Onto(SmallModels.Of("base", dtype, ("w", shape, baseModel)));
        for (int s = 0; s < sources.Length; s++)
        {
            builder = builder.With(SmallModels.Of($"source {s}", dtype, ("w", shape, sources[s])));
        }

        builder.Using(strategy).SaveAsync(path).GetAwaiter().GetResult();
    }
}
