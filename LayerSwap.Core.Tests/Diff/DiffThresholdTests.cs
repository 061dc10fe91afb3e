using LayerSwap.Benchmarks.Synthetic;

namespace LayerSwap.Tests.Diff;

/// <summary>The share of rows and columns above a threshold, against loops written from the definition. The values are such that all means
/// are exact.</summary>
public sealed class DiffThresholdTests
{
    private static readonly (string Name, long[] Shape)[] Weights =
    [
        ("lm_head.weight", [16, 4]),
        .. Enumerable.Range(0, 3)
            .SelectMany(l => ((string, long[])[])[($"model.layers.{l}.mlp.down_proj.weight", [4, 8]),
                ($"model.layers.{l}.mlp.up_proj.weight", [8, 4])]),
        ("model.norm.weight", [4]),
    ];

    private static ICheckpoint Base { get; } = Model("base", 0);

    private static ICheckpoint Light { get; } = Model("light", 1);

    /// <summary>Changed eight times as much, so that pooling the two models would show.</summary>
    private static ICheckpoint Heavy { get; } = Model("heavy", 8);

    public static TheoryData<double, bool> Thresholds => new()
    {
        { 0, false }, { 0.25, false }, { 0.125, false }, { 1000, false },
        { 0, true }, { 0.25, true }, { 0.5, true }, { 0.9, true }, { 0.99, true }, { 1, true },
    };

    [Theory]
    [MemberData(nameof(Thresholds))]
    public async Task Shares_equal_a_loop_over_all_layers_of_a_kind(double value, bool isQuantile)
    {
        LayerDiffReport report = await LayerDiff.From(Base).To(Light, Heavy).WithProfiles().RunAsync();
        IReadOnlyList<ThresholdShare> shares = report.SharesAbove(isQuantile
            ? DiffThreshold.Quantile(value)
            : DiffThreshold.Absolute(value));
        Assert.Equal(report.Profiles.Select(p => (p.Model, p.Name, p.Layer, p.Component)),
            shares.Select(s => (s.Model, s.Name, s.Layer, s.Component)));
        foreach (ThresholdShare share in shares)
        {
            ICheckpoint model = share.Model == "light" ? Light : Heavy;
            string[] kind = [.. Weights.Select(w => w.Name).Where(n => n.EndsWith(share.Component + ".weight", StringComparison.Ordinal))];
            double rows = isQuantile ? Quantile(value, [.. kind.SelectMany(n => Rows(model, n))]) : value,
                columns = isQuantile ? Quantile(value, [.. kind.SelectMany(n => Columns(model, n))]) : value;
            DeltaOracle.Near(rows, share.RowThreshold);
            DeltaOracle.Near(columns, share.ColumnThreshold);
            Assert.Equal(Above(rows, Rows(model, share.Name)), share.Rows);
            Assert.Equal(Above(columns, Columns(model, share.Name)), share.Columns);
        }
    }

    [Fact]
    public async Task A_quantile_shows_the_layers_that_changed_most()
    {
        LlamaShape shape = new() { Layers = 6 };
        using ICheckpoint baseModel = new GeneratedModel("base", shape),
            outer = new GeneratedModel("outer", shape, 1, l => l is 0 or 5 ? 0.02 : 0.002);
        LayerDiffReport report = await LayerDiff.From(baseModel).To(outer).WithProfiles().RunAsync();
        // Two thirds of the rows of each kind lie in the four layers between: all others are above.
        foreach (ThresholdShare share in report.SharesAbove(DiffThreshold.Quantile(2 / 3.0)).Where(s => s.Layer is not null))
        {
            Assert.Equal(share.Layer is 0 or 5 ? (1, 1) : (0, 0), (share.Rows, share.Columns));
        }

        Assert.All(report.SharesAbove(DiffThreshold.Absolute(0.01)).Where(s => s.Layer is not null),
            share => Assert.Equal(share.Layer is 0 or 5 ? (1, 1) : (0, 0), (share.Rows, share.Columns)));
    }

    [Theory]
    [InlineData(-0.001)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    public void An_invalid_change_is_rejected(double change) =>
        Assert.Throws<ArgumentOutOfRangeException>(nameof(change), () => DiffThreshold.Absolute(change));

    [Theory]
    [InlineData(-0.001)]
    [InlineData(1.001)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void An_invalid_quantile_is_rejected(double q) =>
        Assert.Throws<ArgumentOutOfRangeException>(nameof(q), () => DiffThreshold.Quantile(q));

    [Fact]
    public async Task Without_profiles_the_remedy_is_named()
    {
        LayerDiffReport report = await LayerDiff.From(Base).To(Light).RunAsync();
        Assert.Contains("WithProfiles",
            Assert.Throws<InvalidOperationException>(() => report.SharesAbove(DiffThreshold.Quantile(0.9))).Message,
            StringComparison.Ordinal);
        LayerDiffReport measured = await LayerDiff.From(Base).To(Light).WithProfiles().RunAsync();
        Assert.Throws<ArgumentNullException>(() => measured.SharesAbove(null!));
    }

    /// <summary>Profiles exist, but no weight has two dimensions.</summary>
    [Fact]
    public async Task A_model_without_two_dimensional_weights_has_no_shares()
    {
        LayerDiffReport report = await LayerDiff.From(SmallModels.Of("a", DType.Float32, ("v", [2], [0, 0])))
            .To(SmallModels.Of("b", DType.Float32, ("v", [2], [0, 1]))).WithProfiles().RunAsync();
        Assert.Empty(report.SharesAbove(DiffThreshold.Absolute(0)));
    }

    /// <summary>Changes that are whole numbers of sixty-fourths; some rows do not change at all, some change alike.</summary>
    private static ICheckpoint Model(string name, int change) => SmallModels.Of(name, DType.Float32, [.. Weights.Select((w, i) =>
    {
        double[] values = new double[w.Shape.Aggregate((a, b) => a * b)];
        for (int e = 0; e < values.Length; e++)
        {
            int row = e / (int)w.Shape[^1];
            values[e] = row % 4 == 3 ? 0 : change * ((row * 5) + (e % 3) + (i * 7)) % 128 / 64.0;
        }

        return (w.Name, w.Shape, values);
    })]);

    private static double[] Rows(ICheckpoint model, string name) => Along(model, name, DeltaOracle.Rows);

    private static double[] Columns(ICheckpoint model, string name) => Along(model, name, DeltaOracle.Columns);

    private static double[] Along(ICheckpoint model, string name, Func<double[], long, long, double[]> means)
    {
        long[] shape = Weights.Single(w => w.Name == name).Shape;
        return means(DeltaOracle.Changes(Base, model, name), shape[0], shape[1]);
    }

    private static double Above(double threshold, double[] means)
    {
        int count = 0;
        foreach (double mean in means)
        {
            count += mean > threshold ? 1 : 0;
        }

        return (double)count / means.Length;
    }

    /// <summary>Linear between the two nearest ranks, as numpy's default.</summary>
    private static double Quantile(double q, double[] pooled)
    {
        double[] sorted = [.. pooled.Order()];
        double rank = q * (sorted.Length - 1);
        int low = (int)Math.Floor(rank), high = (int)Math.Ceiling(rank);
        return sorted[low] + ((rank - low) * (sorted[high] - sorted[low]));
    }
}
