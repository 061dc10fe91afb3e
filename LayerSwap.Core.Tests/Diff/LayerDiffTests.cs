using System.Text.Json;
using LayerSwap.Benchmarks.Synthetic;

namespace LayerSwap.Tests.Diff;

/// <summary>Compares the metrics with float64 loops.</summary>
public sealed class LayerDiffTests
{
    private static readonly LlamaShape Shape = new() { Layers = 5, DType = DType.BFloat16 };

    private static ICheckpoint Base => new GeneratedModel("base", Shape);

    /// <summary>Outer layers changed four times as much as the middle, or the other way round.</summary>
    private static ICheckpoint Outer => new GeneratedModel("outer", Shape, 1, layer => layer is 0 or 4 ? 0.02 : 0.005);

    private static ICheckpoint Middle => new GeneratedModel("middle", Shape, 2, layer => layer is 1 or 2 or 3 ? 0.02 : 0.005);

    [Theory]
    [InlineData(LayerGrouping.Tensor)]
    [InlineData(LayerGrouping.Layer)]
    [InlineData(LayerGrouping.Component)]
    public async Task Every_metric_matches_a_float64_loop(LayerGrouping grouping)
    {
        LayerDiffReport report = await LayerDiff.From(Base).To(Outer, Middle).GroupBy(grouping).RunAsync();
        LayerMap map = LayerMap.Of(Base.Tensors);
        foreach (DiffEntry entry in report.Entries)
        {
            string[] names = [.. Base.Tensors.Select(t => t.Name).Where(n => NameOf(map[n], grouping) == entry.Name)];
            double[] x = [.. names.SelectMany(n => SmallModels.Values(Base, n))],
                y = [.. names.SelectMany(n => SmallModels.Values(entry.Model == "outer" ? Outer : Middle, n))];
            double[] d = [.. x.Zip(y, (a, b) => b - a)];
            double[] m = [.. names.Where(n => Base.Find(n)!.Shape.Rank == 2)
                .SelectMany(n => SmallModels.Values(Base, n)
                    .Zip(SmallModels.Values(entry.Model == "outer" ? Outer : Middle, n), (a, b) => Math.Abs(b - a)))];
            Assert.Equal(x.Length, entry.Parameters);
            Near(d.Average(Math.Abs), entry.MeanAbsolute);
            Near(d.Sum(Math.Abs) / x.Sum(Math.Abs), entry.RelativeMeanAbsolute);
            Near(Norm(d), entry.L2);
            Near(Norm(d) / Norm(x), entry.RelativeL2);
            Near(Dot(x, y) / (Norm(x) * Norm(y)), entry.Cosine);
            Near(d.Max(Math.Abs), entry.MaxAbsolute);
            Near(x.Zip(y).Count(p => p.First != p.Second) / (double)x.Length, entry.Changed);
            Assert.Equal(m.Length == 0, double.IsNaN(entry.MatrixMeanAbsolute));
            Near(m.Length == 0 ? 0 : m.Average(), m.Length == 0 ? 0 : entry.MatrixMeanAbsolute);
        }

        foreach (DiffPair pair in report.Pairs)
        {
            string[] names = [.. Base.Tensors.Select(t => t.Name).Where(n => NameOf(map[n], grouping) == pair.Name)];
            double[] Changes(ICheckpoint model) =>
                [.. names.SelectMany(n => SmallModels.Values(Base, n).Zip(SmallModels.Values(model, n), (a, b) => b - a))];
            double[] p = Changes(Outer), q = Changes(Middle);
            Near(Dot(p, q) / (Norm(p) * Norm(q)), pair.Cosine);
            Near(p.Zip(q).Count(v => v.First * v.Second < 0) / (double)p.Length, pair.SignConflict);
        }
    }

    [Theory]
    [InlineData(DiffMetric.MeanAbsolute)]
    [InlineData(DiffMetric.RelativeMeanAbsolute)]
    [InlineData(DiffMetric.L2)]
    [InlineData(DiffMetric.RelativeL2)]
    [InlineData(DiffMetric.Cosine)]
    [InlineData(DiffMetric.Changed)]
    public async Task Ranks_descend_by_change_within_each_model(DiffMetric metric)
    {
        LayerDiffReport report = await LayerDiff.From(Base).To(Outer, Middle).RankBy(metric).RunAsync();
        foreach (IGrouping<string, DiffEntry> model in report.Entries.GroupBy(e => e.Model))
        {
            Assert.Equal(Enumerable.Range(1, model.Count()), model.Select(e => e.Rank));
            double[] values = [.. model.Select(e => metric == DiffMetric.Cosine ? -e[metric] : e[metric])];
            Assert.Equal(values.OrderDescending(), values);
        }

        Assert.Equal(3, report.Top(3).Entries.Count(e => e.Model == "outer"));
    }

    [Fact]
    public async Task A_known_construction_is_ranked_correctly()
    {
        LayerDiffReport report = await LayerDiff.From(Base).To(Outer, Middle).RunAsync();
        Assert.Equal([0, 4],
            report.Entries.Where(e => e.Model == "outer" && e.Layer is not null).Take(2).Select(e => e.Layer!.Value).Order());
        Assert.Equal([1, 2, 3],
            report.Entries.Where(e => e.Model == "middle" && e.Layer is not null).Take(3).Select(e => e.Layer!.Value).Order());
    }

    [Fact]
    public async Task Results_do_not_depend_on_threads()
    {
        double[] values = [.. Enumerable.Range(0, 900_000).Select(i => Math.Sin(i * 0.37))];
        ICheckpoint baseModel = SmallModels.Of("a", DType.Float32, ("w", [900, 1000], values)),
            fineTuned = SmallModels.Of("b", DType.Float32, ("w", [900, 1000], [.. values.Select(v => v * 1.01)]));
        string expected = (await LayerDiff.From(baseModel).To(fineTuned).OnThreads(1).RunAsync()).ToJson();
        foreach (int threads in (int[])[2, 3, 8])
        {
            Assert.Equal(expected, (await LayerDiff.From(baseModel).To(fineTuned).OnThreads(threads).RunAsync()).ToJson());
        }
    }

    [Fact]
    public async Task An_unchanged_model_has_changed_nothing()
    {
        DiffEntry entry = (await LayerDiff.From(Base).To(Base).RunAsync()).Entries[0];
        Assert.Equal((0, 0, 0, 0, 0), (entry.MeanAbsolute, entry.RelativeMeanAbsolute, entry.L2, entry.MaxAbsolute, entry.Changed));
        Assert.Equal(1, entry.Cosine, 12);
    }

    [Fact]
    public async Task NaN_and_infinities_show_and_are_strings_in_json()
    {
        ICheckpoint baseModel = SmallModels.Of("a", DType.Float32, ("w", [2], [0, 0])),
            fineTuned = SmallModels.Of("b", DType.Float32, ("w", [2], [1, double.NaN]));
        LayerDiffReport report = await LayerDiff.From(baseModel).To(fineTuned).RunAsync();
        using JsonDocument json = JsonDocument.Parse(report.ToJson());
        Assert.Equal("NaN", json.RootElement.GetProperty("entries")[0].GetProperty("mav").GetString());
        Assert.Contains("NaN", report.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_that_is_compared_twice_is_rejected()
    {
        MergeException refused = await Assert.ThrowsAsync<MergeException>(() => LayerDiff.From(Base).To(Outer, Middle, Outer).RunAsync());
        Assert.Contains("outer is compared 2 times", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Large_float64_values_are_finite()
    {
        ICheckpoint baseModel = SmallModels.Of("a", DType.Float64, ("w", [2], [1, 1e200])),
            fineTuned = SmallModels.Of("b", DType.Float64, ("w", [2], [1, 2e200]));
        Assert.DoesNotContain((await LayerDiff.From(baseModel).To(fineTuned).RunAsync()).Findings,
            v => v.Kind == DiffFindingKind.NotFinite);
    }

    [Fact]
    public async Task Float64_is_measured_in_float64_and_integers_are_skipped()
    {
        ICheckpoint Model(string name, double value) => Checkpoint.InMemory(name, [
            (new TensorInfo("w", DType.Float64, new TensorShape(1)), BitConverter.GetBytes(value)),
            (new TensorInfo("n", DType.Int32, new TensorShape(1)), new byte[4])]);
        LayerDiffReport report = await LayerDiff.From(Model("a", 1)).To(Model("b", 1 + 1e-12)).RunAsync();
        Assert.Equal(1 + 1e-12 - 1, Assert.Single(report.Entries).MeanAbsolute);
        Assert.Equal(["n"], report.Skipped);
    }

    [Fact]
    public async Task Models_with_few_common_tensors_are_rejected_with_an_example()
    {
        ICheckpoint baseModel = SmallModels.Of("a", DType.Float32, ("w", [2], [0, 0]), ("lost", [1], [0])),
            other = SmallModels.Of("b", DType.Float32, ("w", [1], [1]), ("new", [1], [1]));
        MergeException e = await Assert.ThrowsAsync<MergeException>(() => LayerDiff.From(baseModel).To(other).RunAsync());
        Assert.All((string[])["0 tensors in common", "w is [1]", "[2]"],
            text => Assert.Contains(text, e.Message, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Common_tensors_are_compared_and_the_rest_is_listed()
    {
        ICheckpoint baseModel = SmallModels.Of("a", DType.Float32, ("w", [2], [0, 0]),
            ("x", [1], [3]), ("lost", [1], [0]), ("table", [1], [0]));
        ICheckpoint other = SmallModels.Of("b", DType.Float32, ("w", [2], [1, 0]),
            ("x", [1], [5]), ("new", [1], [1]), ("table", [2], [1, 1]));
        LayerDiffReport report = await LayerDiff.From(baseModel).To(other).GroupBy(LayerGrouping.Tensor).RunAsync();
        Assert.Equal(["w", "x"], report.Entries.Select(e => e.Name).Order(StringComparer.Ordinal));
        Assert.Equal(2, report.Entries.Single(e => e.Name == "x").MeanAbsolute);
        Assert.Equal(["lost", "new", "table"], report.Skipped.Order(StringComparer.Ordinal));
    }

    private static string NameOf(TensorPlace place, LayerGrouping grouping) => grouping switch
    {
        LayerGrouping.Tensor => place.Name,
        LayerGrouping.Component => place.Component,
        _ => place.Layer is null ? place.Component : $"{place.Stack}.{place.Layer}",
    };

    private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();

    private static double Norm(double[] a) => Math.Sqrt(Dot(a, a));

    private static void Near(double expected, double actual) =>
        Assert.True(Math.Abs(expected - actual) <= 1e-12 * Math.Max(1e-12, Math.Abs(expected))
            || (double.IsNaN(expected) && double.IsNaN(actual)), $"{actual:R}, expected {expected:R}");
}
