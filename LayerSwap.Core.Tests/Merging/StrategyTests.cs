using FsCheck;
using FsCheck.Fluent;

namespace LayerSwap.Tests.Merging;

/// <summary>Averages, task arithmetic and passthrough against doubles, over shapes and dtypes.</summary>
public sealed class StrategyTests
{
    private static readonly DType[] Computed = [DType.Float32, DType.BFloat16,
        DType.Float16, DType.Float64, DType.Float8E4M3, DType.Float8E5M2];
    private static readonly long[][] Shapes = [[], [1], [7], [0], [3, 0], [5, 11], [2, 3, 4], [1000], [64, 64]];

    /// <summary>A dtype, a shape and for each of three models values that the dtype holds exactly, with a weight.</summary>
    private static Arbitrary<(DType DType, long[] Shape, double[][] Values, double[] Weights)> Cases =>
        (from dtype in Gen.Elements(Computed)
         from shape in Gen.Elements(Shapes)
         let count = (int)shape.Aggregate(1L, (a, b) => a * b)
         from seed in Gen.Choose(0, int.MaxValue)
         from weights in Gen.ArrayOf(Gen.Choose(-200, 300).Select(w => w / 64.0), 3)
         select (dtype, shape, Values(dtype, count, seed), weights)).ToArbitrary();

    [Fact]
    public void Linear_is_the_weighted_average() => Prop.ForAll(Cases, c =>
    {
        double sum = c.Weights.Sum();
        if (Math.Abs(sum) < 1e-6)
        {
            return;
        }

        double[] expected = Each(c.Values, x => c.Weights.Zip(x, (w, v) => w * v).Sum() / sum);
        Near(c.DType, expected, Run(c.DType, c.Shape, c.Values, null, c.Weights, MergeStrategies.Linear()), "linear");
    }).Check(Properties.Config);

    [Fact]
    public void Linear_without_normalisation_is_the_weighted_sum() => Prop.ForAll(Cases, c =>
    {
        double[] expected = Each(c.Values, x => c.Weights.Zip(x, (w, v) => w * v).Sum());
        double[] actual = Run(c.DType, c.Shape, c.Values, null, c.Weights, MergeStrategies.Linear(new() { Normalize = false }));
        Near(c.DType, expected, actual, "linear");
    }).Check(Properties.Config);

    [Fact]
    public void Task_arithmetic_adds_scaled_changes() => Prop.ForAll(Cases, c =>
    {
        double[] weights = c.Weights[1..];
        double[] expected = Each(c.Values, x => x[0] + (0.75 * ((weights[0] * (x[1] - x[0])) + (weights[1] * (x[2] - x[0])))));
        double[] actual = Run(c.DType, c.Shape, c.Values[1..], c.Values[0], weights, MergeStrategies.TaskArithmetic(0.75));
        Near(c.DType, expected, actual, "task_arithmetic");
    }).Check(Properties.Config);

    [Fact]
    public void Passthrough_multiplies() => Prop.ForAll(Cases, c =>
    {
        double[] expected = [.. c.Values[0].Select(v => v * c.Weights[0])];
        double[] actual = Run(c.DType, c.Shape, c.Values[..1], null, [1], MergeStrategies.Passthrough(c.Weights[0]));
        Near(c.DType, expected, actual, "passthrough");
    }).Check(Properties.Config);

    [Fact]
    public async Task Unchanged_elements_keep_their_bits_under_task_arithmetic()
    {
        ushort[] patterns = [0x8000, 0x7FC1, 0xFF81, 0x0001, 0x7F80];
        byte[] bytes = System.Runtime.InteropServices.MemoryMarshal.AsBytes(patterns.AsSpan()).ToArray();
        ICheckpoint Model(string name) => Checkpoint.InMemory(name, [(new TensorInfo("w", DType.BFloat16, new TensorShape(5)), bytes)]);
        using TempFolder temp = new();
        await Merge.Onto(Model("base")).With(Model("a"), 0.3).With(Model("b"), 0.9).TaskArithmetic(0.7).SaveAsync(temp["out"]);
        using ICheckpoint merged = Checkpoint.Open(temp["out"]);
        Assert.Equal(bytes, SmallModels.Bytes(merged, "w"));
    }

    [Fact]
    public void One_source_is_taken_unchanged_and_none_keeps_the_base()
    {
        ICheckpoint baseModel = SmallModels.Llama("base", 0), fineTuned = SmallModels.Llama("tuned", 1);
        Assert.All(Merge.Soup(fineTuned).Plan().Tensors, t => Assert.Equal(PlannedOperation.Take, t.Operation));
        Assert.All(Merge.Onto(baseModel).TaskArithmetic().Plan().Tensors, t => Assert.Equal(["base"], t.Sources));
    }

    [Theory]
    [InlineData("linear", "sum to 0")]
    [InlineData("task_arithmetic", "none")]
    [InlineData("passthrough", "one source")]
    public void Invalid_merges_are_rejected_when_planned(string method, string reason)
    {
        MergeBuilder builder = Merge.WithoutBase().With(SmallModels.Llama("a", 1), 1)
            .With(SmallModels.Llama("b", 2), -1).Using(MergeStrategies.Find(method).Create());
        Assert.Contains(reason, Assert.Single(Assert.Throws<MergeException>(builder.Plan).Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void The_catalogue_finds_names_and_suggests_the_closest()
    {
        Assert.Superset(new HashSet<string>(["linear", "task_arithmetic", "passthrough"], StringComparer.Ordinal),
            MergeStrategies.Methods.Select(m => m.Name).ToHashSet(StringComparer.Ordinal));
        Assert.All(MergeStrategies.Methods.Where(m => m.Name != "nearswap"), m => Assert.Equal(m.Name, m.Create().Name));
        Assert.Contains("needs the parameter t",
            Assert.Throws<ArgumentException>(() => MergeStrategies.Find("nearswap").Create()).Message, StringComparison.Ordinal);
        Assert.Contains("nearest is task_arithmetic",
            Assert.Throws<ArgumentException>(() => MergeStrategies.Find("task_aritmetic")).Message, StringComparison.Ordinal);
        Assert.Contains("lambda",
            Assert.Throws<ArgumentException>(() => MergeStrategies.Find("task_arithmetic")
                .Create(new Dictionary<string, PerSource>(StringComparer.Ordinal) { ["lamda"] = 1 })).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => MergeStrategies.Find("linear")
            .Create(new Dictionary<string, PerSource>(StringComparer.Ordinal) { ["normalize"] = 0.5 }));
    }

    private static double[][] Values(DType dtype, int count, int seed)
    {
        System.Random random = new(seed);
        return [.. Enumerable.Range(0, 3)
            .Select(_ =>
                SmallModels.Values(SmallModels.Of("x", dtype,
                    ("x", [count], [.. Enumerable.Range(0, count).Select(_ => (random.NextDouble() - 0.5) * 4)])), "x"))];
    }

    private static double[] Each(double[][] values, Func<double[], double> merge) =>
        [.. Enumerable.Range(0, values[0].Length).Select(i => merge([.. values.Select(v => v[i])]))];

    /// <summary>Compares within one unit in the last place; elements past the largest of the dtype are left out, the rounding of overflow
    /// has tests of its own.</summary>
    private static void Near(DType dtype, double[] expected, double[] actual, string what)
    {
        double largest = dtype switch { DType.Float8E4M3 => 448, DType.Float8E5M2 => 57344, _ => double.MaxValue };
        int[] within = [.. Enumerable.Range(0, expected.Length).Where(i => Math.Abs(expected[i]) <= largest)];
        Oracle.WithinOneUlp(dtype, [.. within.Select(i => expected[i])], [.. within.Select(i => actual[i])], what);
    }

    private static double[] Run(DType dtype, long[] shape, double[][] sources,
        double[]? baseModel, double[] weights, IMergeStrategy strategy)
    {
        using TempFolder temp = new();
        MergeBuilder builder = baseModel is null ? Merge.WithoutBase() : Merge.Onto(SmallModels.Of("base", dtype, ("w", shape, baseModel)));
        for (int i = 0; i < sources.Length; i++)
        {
            builder = builder.With(SmallModels.Of($"source {i}", dtype, ("w", shape, sources[i])), weights[i]);
        }

        builder.Using(strategy).SaveAsync(temp["out"]).GetAwaiter().GetResult();
        using ICheckpoint merged = Checkpoint.Open(temp["out"]);
        return SmallModels.Values(merged, "w");
    }
}
