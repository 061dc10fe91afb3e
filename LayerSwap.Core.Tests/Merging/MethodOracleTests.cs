using FsCheck;
using FsCheck.Fluent;
using LayerSwap.Tests.Merging.Oracles;

namespace LayerSwap.Tests.Merging;

/// <summary>Every method, saved and read back, against its oracle: random shapes and dtypes, within one unit in the last place, kept sets
/// exact.</summary>
public sealed class MethodOracleTests
{
    private static readonly DType[] Computed = [DType.Float32, DType.BFloat16, DType.Float16, DType.Float64, DType.Float8E5M2];
    private static readonly long[][] Shapes = [[], [1], [7], [0], [3, 0], [5, 11], [11, 5], [2, 3, 4], [1000], [40, 64], [1, 1]];

    private sealed record Case(DType DType, long[] Shape, double[] Base, double[][] Sources, double[] Weights, double Unit, int Seed);

    private static Arbitrary<Case> Cases =>
        (from dtype in Gen.Elements(Computed)
         from shape in Gen.Elements(Shapes)
         from sources in Gen.Choose(2, 4)
         from seed in Gen.Choose(0, int.MaxValue)
         from weights in Gen.ArrayOf(Gen.Choose(1, 200).Select(w => w / 64.0), 4)
         from unit in Gen.Choose(0, 100).Select(u => u / 100.0)
         select Make(dtype, shape, sources, seed, weights, unit)).ToArbitrary();

    [Fact]
    public void Slerp() => Check(c => (MergeStrategies.Slerp(c.Unit), Slerps.Slerp(c.Base, c.Sources[0], c.Unit)), sources: 1);

    [Fact]
    public void NuSlerp_of_tensors_rows_and_columns() => Check(c =>
    {
        bool flatten = c.Seed % 3 == 0, rows = c.Seed % 3 == 1;
        return (MergeStrategies.NuSlerp(new() { Flatten = flatten, RowWise = rows }),
            Slerps.NuSlerp(c.Sources, c.Weights, flatten, rows, c.Shape, c.Base));
    }, sources: 2);

    [Fact]
    public void MultiSlerp() =>
        Check(c => (MergeStrategies.MultiSlerp(), Spheres.MultiSlerp(c.Sources, c.Weights, x0: c.Base)), sources: 2);

    [Fact]
    public void Karcher() => Check(c => (MergeStrategies.Karcher(), Spheres.Karcher([c.Base, .. c.Sources])));

    [Fact]
    public void NearSwap() =>
        Check(c => (MergeStrategies.NearSwap(c.Unit / 10), Averages.NearSwap(c.Base, c.Sources[0], c.Unit / 10)), sources: 1);

    [Fact]
    public void ModelStock_of_tensors_and_rows() =>
        Check(c => (MergeStrategies.ModelStock(c.Seed % 2 == 0), BaseGeometry.ModelStock(c.Base, c.Sources, c.Seed % 2 == 0, c.Shape)));

    [Fact]
    public void ArceeFusion() =>
        Check(c => (MergeStrategies.ArceeFusion(), BaseGeometry.ArceeFusion(c.Base, c.Sources[0], c.Shape)), sources: 1);

    [Fact]
    public void Ties() => Check(c => (
        MergeStrategies.Ties(new TiesOptions
        {
            Density = c.Unit,
            Lambda = 0.7,
            Normalize = c.Seed % 2 == 0,
            Rescale = (Rescale)(c.Seed % 3)
        }),
        TaskVectors.Ties(c.Base, c.Sources, c.Weights, Each(c, c.Unit), c.Seed % 2 == 0, (Rescaling)(c.Seed % 3), 0.7, single: false)));

    [Fact]
    public void Breadcrumbs_summed_and_by_sign() => Check(c => (
        MergeStrategies.Breadcrumbs(new BreadcrumbsOptions { Density = c.Unit, Gamma = 0.07, SignConsensus = c.Seed % 2 == 0 }),
        c.Seed % 2 == 0
            ? TaskVectors.BreadcrumbsTies(c.Base, c.Sources, c.Weights, Each(c, c.Unit), Each(c, 0.07), single: false)
            : TaskVectors.Breadcrumbs(c.Base, c.Sources, c.Weights, Each(c, c.Unit), Each(c, 0.07), single: false)));

    [Fact]
    public void Sce() => Check(c => (MergeStrategies.Sce(c.Unit), Selections.Sce(c.Base, c.Sources, c.Unit)));

    [Fact]
    public void Ram_and_its_plus() => Check(c => c.Seed % 2 == 0
        ? (MergeStrategies.Ram(new RamOptions { Epsilon = 0.01 }), Selections.Ram(c.Base, c.Sources, 0.01, single: false))
        : (MergeStrategies.RamPlus(new RamPlusOptions { Epsilon = 0.01, R = 0.5, Alpha = c.Unit }),
            Selections.RamPlusTl(c.Base, c.Sources, 0.01, 0.5, c.Unit, single: false)));

    [Fact]
    public void ExPO() => Check(c => (MergeStrategies.ExPO(c.Unit), Averages.ExPO(c.Base, c.Sources[0], c.Unit)), sources: 1);

    [Fact]
    public void ThresholdInterpolation() => Check(c =>
    {
        double difference = c.Base.Zip(c.Sources[0], (a, b) => Math.Abs(b - a)).Sum(), size = c.Base.Sum(Math.Abs);
        return (MergeStrategies.ThresholdInterpolation(c.Unit, 0.1),
            Averages.ThresholdInterpolation(c.Base, c.Sources[0], c.Unit, difference, 0.1 * size));
    }, sources: 1);

    private static void Check(Func<Case, (IMergeStrategy Strategy, double[] Expected)> method, int? sources = null) =>
        Prop.ForAll(Cases, c =>
    {
        Case fitted = sources is { } count ? c with { Sources = c.Sources[..count], Weights = c.Weights[..count] } : c;
        (IMergeStrategy strategy, double[] expected) = method(fitted);
        double[] actual = Run(fitted, strategy);
        int[] within = [.. Enumerable.Range(0, expected.Length).Where(i => Math.Abs(expected[i]) < 30000)];
        if (fitted.DType == DType.Float64)
        {
            // The oracle has no more precision than the output, and sums in another order: what cancels cannot agree to the last place.
            double tolerance = 1e-12 * fitted.Sources.Append(fitted.Base).SelectMany(v => v).Select(Math.Abs).DefaultIfEmpty(0).Max();
            Assert.All(within,
                i => Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance,
                    $"{strategy.Name} ({strategy}), element {i}: {actual[i]:R}, expected {expected[i]:R}"));
            return;
        }

        Oracle.WithinOneUlp(fitted.DType, [.. within.Select(i => expected[i])], [.. within.Select(i => actual[i])],
            $"{strategy.Name} ({strategy}) of [{string.Join(", ", fitted.Shape)}]");
    }).Check(Properties.Config);

    private static double[] Each(Case c, double value) => [.. c.Sources.Select(_ => value)];

    /// <summary>A base of order 1, and changes a tenth of that with many exact ties and unchanged elements.</summary>
    private static Case Make(DType dtype, long[] shape, int sources, int seed, double[] weights, double unit)
    {
        System.Random random = new(seed);
        int count = (int)shape.Aggregate(1L, (a, b) => a * b);
        double[] Rounded(IEnumerable<double> values) => SmallModels.Values(SmallModels.Of("x", dtype, ("x", [count], [.. values])), "x");
        double[] baseModel = Rounded(Enumerable.Range(0, count).Select(_ => (random.NextDouble() - 0.5) * 2));
        double[][] fineTuned = [.. Enumerable.Range(0, sources)
            .Select(_ =>
                Rounded(baseModel.Select(v => v
                    + (random.Next(4) switch { 0 => 0, 1 => 0.0625, 2 => -0.0625, _ => (random.NextDouble() - 0.5) / 5 }))))];
        return new Case(dtype, shape, baseModel, fineTuned, weights[..sources], unit, seed);
    }

    private static double[] Run(Case c, IMergeStrategy strategy)
    {
        using TempFolder temp = new();
        MergeBuilder builder = Merge.Onto(SmallModels.Of("base", c.DType, ("w", c.Shape, c.Base)));
        for (int i = 0; i < c.Sources.Length; i++)
        {
            builder = builder.With(SmallModels.Of($"source {i}", c.DType, ("w", c.Shape, c.Sources[i])), c.Weights[i]);
        }

        builder.Using(strategy).SaveAsync(temp["out"]).GetAwaiter().GetResult();
        using ICheckpoint merged = Checkpoint.Open(temp["out"]);
        return SmallModels.Values(merged, "w");
    }
}
