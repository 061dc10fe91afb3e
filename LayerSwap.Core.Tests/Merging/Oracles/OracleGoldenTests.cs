namespace LayerSwap.Tests.Merging.Oracles;

/// <summary>Compares the oracles with the results of the established tool (Fixtures/golden/README.md), so that other tests may rely on
/// them.</summary>
public sealed class OracleGoldenTests : IDisposable
{
    private static readonly string[] Two = ["expert1", "expert2"], Three = ["expert1", "expert2", "expert3"];
    private static readonly double[] W2 = [0.6, 0.3], W3 = [0.5, 0.3, 0.4];
    private static readonly Schedule ByKind = Schedule.FromDouble(0.5)
        .Where(Layers.Named("*mlp*"), Schedule.Points(1, 0.5, 0)).Where(Layers.Named("*self_attn*"), Schedule.Points(0, 0.5, 1));

    private readonly GoldenModels _models = new();

    private static readonly Dictionary<string, Func<GoldenModels, string, double[]>> Recipes = new(StringComparer.Ordinal)
    {
        ["linear-f32"] = (m, t) => Averages.Linear(m.Of(t, Two), W2),
        ["linear-3-f32"] = (m, t) => Averages.Linear(m.Of(t, Three), W3),
        ["linear-nonorm-f32"] = (m, t) => Averages.Linear(m.Of(t, Two), W2, normalize: false),
        ["linear-filter-f32"] = (m, t) => Averages.Linear(m.Of(t, Two),
            [t.Contains("layernorm", StringComparison.Ordinal) ? 1 : t.Contains("embed_tokens", StringComparison.Ordinal) ? 0.9 : 0.5,
                t.Contains("lm_head", StringComparison.Ordinal) ? 2 : 0.25]),
        ["linear-gradient-f32"] = (m, t) => Averages.Linear(m.Of(t, Two), [m.At(t, Schedule.Points(0, 1, 0.25)), m.At(t, ByKind)]),
        ["linear-sharded-f32"] = (m, t) => Averages.Linear(m.Of(t, "sharded/base", "sharded/expert1"), [0.7, 0.3]),
        ["linear-tied-f32"] = (m, t) => Averages.Linear(m.Of(t, "tied/base", "tied/expert1"), [0.7, 0.3]),
        // The longer vocabulary is cut: policy `truncate`.
        ["linear-vocab-f32"] = (m, t) =>
            Averages.Linear([m.X(t, "expert1"), m.X(t, "longer/base")[..m.X(t, "expert1").Length]], [0.5, 0.5]),
        ["linear-slices-offset-f32"] = (m, t) =>
            Averages.Linear([m.X(t, "expert1"), m.X(t.Replace("layers.2", "layers.3", StringComparison.Ordinal)
            .Replace("layers.1", "layers.2", StringComparison.Ordinal).Replace("layers.0", "layers.1", StringComparison.Ordinal),
                "expert2")], [0.4, 0.6]),
        ["slerp-f32"] = (m, t) => Slerps.Slerp(m.X(t, "base"), m.X(t, "expert1"), 0.35),
        ["slerp-gradient-f32"] = (m, t) => Slerps.Slerp(m.X(t, "base"), m.X(t, "expert1"), m.At(t, ByKind)),
        ["nuslerp-f32"] = (m, t) => Slerps.NuSlerp(m.Of(t, Two), W2, flatten: true, rowWise: false, m.Shape(t)),
        ["nuslerp-base-f32"] = (m, t) => Slerps.NuSlerp(m.Of(t, Two), W2, flatten: true, rowWise: false, m.Shape(t), m.X(t, "base")),
        ["nuslerp-rows-f32"] = (m, t) => Slerps.NuSlerp(m.Of(t, Two), W2, flatten: false, rowWise: false, m.Shape(t)),
        ["nuslerp-row_wise-f32"] = (m, t) => Slerps.NuSlerp(m.Of(t, Two), W2, flatten: false, rowWise: true, m.Shape(t)),
        ["multislerp-f32"] = (m, t) => Spheres.MultiSlerp(m.Of(t, Two), W2),
        ["multislerp-base-f32"] = (m, t) => Spheres.MultiSlerp(m.Of(t, Two), W2, x0: m.X(t, "base")),
        ["karcher-f32"] = (m, t) => Spheres.Karcher(m.Of(t, Two)),
        ["karcher-3-f32"] = (m, t) => Spheres.Karcher(m.Of(t, Three), 5, 1e-6),
        ["nearswap-f32"] = (m, t) => Averages.NearSwap(m.X(t, "base"), m.X(t, "expert1"), 0.002),
        ["model_stock-f32"] = (m, t) => BaseGeometry.ModelStock(m.X(t, "base"), m.Of(t, Two), filterWise: false, m.Shape(t)),
        ["model_stock-3-f32"] = (m, t) => BaseGeometry.ModelStock(m.X(t, "base"), m.Of(t, Three), filterWise: false, m.Shape(t)),
        ["model_stock-rows-f32"] = (m, t) => BaseGeometry.ModelStock(m.X(t, "base"), m.Of(t, Two), filterWise: true, m.Shape(t)),
        ["arcee_fusion-f32"] = (m, t) => BaseGeometry.ArceeFusion(m.X(t, "base"), m.X(t, "expert1"), m.Shape(t)),
        ["task_arithmetic-f32"] = (m, t) => TaskVectors.TaskArithmetic(m.X(t, "base"), m.Of(t, Two), W2),
        ["task_arithmetic-3-f32"] = (m, t) => TaskVectors.TaskArithmetic(m.X(t, "base"), m.Of(t, Three), W3),
        ["task_arithmetic-lambda-f32"] = (m, t) => TaskVectors.TaskArithmetic(m.X(t, "base"), m.Of(t, Two), W2, lambda: 0.7),
        ["task_arithmetic-normalize-f32"] = (m, t) => TaskVectors.TaskArithmetic(m.X(t, "base"), m.Of(t, Two), W2, normalize: true),
        // A gradient counts over its own slice of two layers; what follows the layers belongs to the last slice, at its beginning.
        ["task_arithmetic-slices-f32"] = (m, t) =>
            t.Contains("layers.0", StringComparison.Ordinal) || t.Contains("layers.1", StringComparison.Ordinal)
                || t.Contains("embed", StringComparison.Ordinal)
            ? TaskVectors.TaskArithmetic(m.X(t, "base"), m.Of(t, "expert1"), [0.8])
            : TaskVectors.TaskArithmetic(m.X(t, "base"), m.Of(t, "expert2"),
                [t.Contains("layers.3", StringComparison.Ordinal) ? 0.9 : 0.1]),
        ["ties-f32"] = (m, t) => TaskVectors.Ties(m.X(t, "base"), m.Of(t, Two), W2, [0.4, 0.4]),
        ["ties-3-f32"] = (m, t) => TaskVectors.Ties(m.X(t, "base"), m.Of(t, Three), W3, [0.4, 0.4, 0.4]),
        ["ties-dense-f32"] = (m, t) => TaskVectors.Ties(m.X(t, "base"), m.Of(t, Two), W2, [1, 1]),
        ["ties-int8-f32"] = (m, t) => TaskVectors.Ties(m.X(t, "base"), m.Of(t, Two), W2, [0.4, 0.4], normalize: false),
        ["ties-rescale-f32"] = (m, t) => TaskVectors.Ties(m.X(t, "base"), m.Of(t, Two), W2, [0.4, 0.4], rescale: Rescaling.L1),
        ["ties-gradient-f32"] = (m, t) => TaskVectors.Ties(m.X(t, "base"), m.Of(t, Two), [m.At(t, Schedule.Linear(0.2, 0.8)), 0.5],
            [m.At(t, Schedule.Linear(1, 0.3)), m.At(t, Schedule.FromDouble(0.7).Where(Layers.Named("*mlp*"), Schedule.Linear(0.9, 0.2)))]),
        ["breadcrumbs-f32"] = (m, t) => TaskVectors.Breadcrumbs(m.X(t, "base"), m.Of(t, Two), W2, [0.8, 0.8], [0.05, 0.05]),
        ["breadcrumbs_ties-f32"] = (m, t) => TaskVectors.BreadcrumbsTies(m.X(t, "base"), m.Of(t, Two), W2, [0.8, 0.8], [0.05, 0.05]),
        ["sce-f32"] = (m, t) => Selections.Sce(m.X(t, "base"), m.Of(t, Two), 0.5),
        ["sce-all-f32"] = (m, t) => Selections.Sce(m.X(t, "base"), m.Of(t, Two)),
        ["ram-f32"] = (m, t) => Selections.Ram(m.X(t, "base"), m.Of(t, Two)),
        ["ramplus_tl-f32"] = (m, t) => Selections.RamPlusTl(m.X(t, "base"), m.Of(t, Two), r: 0.2, alpha: 1),
    };

    public static TheoryData<string> Cases => [.. Recipes.Keys.Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Agrees_with_mergekit(string name)
    {
        List<Deviation> off = Compare(name);
        switch (name)
        {
            case "linear-gradient-f32":
                // In layer 0 both weights of attention are 0: the established tool writes NaN, methods.md refuses, the oracle's arithmetic
                // divides by 0.
                Assert.Equal(768, off.Count);
                Assert.All(off,
                    o => Assert.True(double.IsNaN(o.Expected) && double.IsNaN(o.Actual)
                        && o.Tensor.StartsWith("model.layers.0.self_attn", StringComparison.Ordinal)));
                break;
            case "breadcrumbs-f32" or "breadcrumbs_ties-f32":
                // int(gamma * 16) = 0: the established tool zeroes the whole change of the 16-element norm weights (methods.md).
                Assert.NotEmpty(off);
                Assert.All(off, o => Assert.Equal(_models.X(o.Tensor, "base")[o.Element], o.Expected));
                Assert.All(off, o => Assert.Equal([16], _models.Shape(o.Tensor)));
                break;
            case "arcee_fusion-f32":
                // Divergences of a few 1e-6 computed in float32 from probabilities rounded at 1e-8: the established tool is off by up to 4
                // %, and so are elements that near the threshold.
                Assert.Equal(38, off.Count);
                Assert.All(off, o => Assert.InRange(OverThreshold(o), 0.95, 1.05));
                break;
            default:
                Assert.True(off.Count == 0, $"{off.Count} elements: {string.Join(", ", off.Take(20))}");
                break;
        }
    }

    [Fact]
    public void Every_deterministic_case_is_tested()
    {
        // passthrough takes no arithmetic but a factor, and its cases stack layers, which GoldenTests tries.
        Assert.Equal(
            Directory.EnumerateDirectories(Fixture.Path("golden", "cases")).Select(d => Path.GetFileName(d)!)
                .Where(d => !d.StartsWith("passthrough", StringComparison.Ordinal)).Order(StringComparer.Ordinal),
            Recipes.Keys.Order(StringComparer.Ordinal));
    }

    public void Dispose() => _models.Dispose();

    private List<Deviation> Compare(string name)
    {
        using ICheckpoint expected = Checkpoint.Open(Fixture.Path("golden", "cases", name));
        List<Deviation> off = [];
        foreach (TensorInfo tensor in expected.Tensors)
        {
            double[] e = SmallModels.Values(expected, tensor.Name), a = Recipes[name](_models, tensor.Name);
            Assert.Equal(e.Length, a.Length);
            double tolerance = 3e-6 * e.Max(Math.Abs);
            off.AddRange(Enumerable.Range(0, e.Length).Where(i => !(Math.Abs(e[i] - a[i]) <= tolerance))
                .Select(i => new Deviation(tensor.Name, i, a[i], e[i])));
        }

        return off;
    }

    private double OverThreshold(Deviation o)
    {
        double[] importance = BaseGeometry.Importance(_models.X(o.Tensor, "base"), _models.X(o.Tensor, "expert1"), _models.Shape(o.Tensor));
        return importance[o.Element] / BaseGeometry.Threshold(importance);
    }

    private sealed record Deviation(string Tensor, int Element, double Actual, double Expected);
}
