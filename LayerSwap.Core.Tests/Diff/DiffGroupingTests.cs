using LayerSwap.Benchmarks.Synthetic;

namespace LayerSwap.Tests.Diff;

/// <summary>One measurement, many views: a report grouped or ranked otherwise is the one measured that way at once; and the figures that
/// only views of a whole model have.</summary>
public sealed class DiffGroupingTests
{
    /// <summary>Rows that can be divided by ten, so that a tenth of them is a whole number.</summary>
    private static readonly LlamaShape Shape = new() { Layers = 5, Hidden = 40, FeedForward = 80, Vocabulary = 50, DType = DType.Float32 };

    private static ICheckpoint Base { get; } = new GeneratedModel("base", Shape);

    private static ICheckpoint Outer { get; } = new GeneratedModel("outer", Shape, 1, layer => layer is 0 or 4 ? 0.02 : 0.005);

    private static ICheckpoint Middle { get; } = new GeneratedModel("middle", Shape, 2, layer => layer is 1 or 2 or 3 ? 0.02 : 0.005);

    public static TheoryData<LayerGrouping> Groupings => [.. Enum.GetValues<LayerGrouping>()];

    [Theory]
    [MemberData(nameof(Groupings))]
    public async Task Regrouped_reports_equal_directly_measured_ones(LayerGrouping grouping)
    {
        LayerDiff diff = LayerDiff.From(Base).To(Outer, Middle).WithProfiles();
        LayerDiffReport report = await diff.RunAsync(), shortened = report.Top(1);
        foreach (DiffMetric metric in Enum.GetValues<DiffMetric>())
        {
            LayerDiffReport expected = await diff.GroupBy(grouping).RankBy(metric).RunAsync();
            LayerDiffReport[] views = [report.GroupBy(grouping).RankBy(metric), report.RankBy(metric).GroupBy(grouping),
                shortened.GroupBy(grouping).RankBy(metric), expected.RankBy(metric)];
            foreach (LayerDiffReport view in views)
            {
                Assert.Equal((grouping, metric), (view.GroupedBy, view.RankedBy));
                Assert.Equal(expected.ToJson(), view.ToJson());
                Assert.Equal(expected.ToString(), view.ToString());
                Assert.Equal(expected.Entries, view.Entries);
                Assert.Equal(expected.Pairs, view.Pairs);
                Assert.Equal(report.Profiles.Select(p => p.Name), view.Profiles.Select(p => p.Name));
                Assert.Equal(report.Profiles.SelectMany(p => p.Rows), view.Profiles.SelectMany(p => p.Rows));
            }
        }
    }

    [Fact]
    public async Task Regrouping_reads_no_tensor_again()
    {
        CountingCheckpoint baseModel = new(Base), fineTuned = new(Outer);
        LayerDiffReport report = await LayerDiff.From(baseModel).To(fineTuned, Middle).WithProfiles().RunAsync();
        long once = Base.Tensors.Sum(t => t.ByteLength);
        Assert.Equal((once, once), (baseModel.BytesRead, fineTuned.BytesRead));
        _ = (report.GroupBy(LayerGrouping.Tensor).RankBy(DiffMetric.L2).ToJson(), report.Findings,
            report.SharesAbove(DiffThreshold.Quantile(0.5)), report.MoreIn(fineTuned).Layers, report.Suggest());
        Assert.Equal((once, once), (baseModel.BytesRead, fineTuned.BytesRead));
    }

    [Theory]
    [MemberData(nameof(Groupings))]
    public async Task Shares_and_overlaps_match_float64_loops(LayerGrouping grouping)
    {
        LayerDiffReport report = await LayerDiff.From(Base).To(Outer, Middle).GroupBy(grouping).WithProfiles().RunAsync();
        LayerMap map = LayerMap.Of(Base.Tensors);
        Dictionary<(string Model, string Name), double[]> changes = [];
        foreach (ICheckpoint model in (ICheckpoint[])[Outer, Middle])
        {
            foreach (TensorInfo tensor in Base.Tensors)
            {
                changes.Add((model.Name, tensor.Name), DeltaOracle.Changes(Base, model, tensor.Name));
            }
        }

        foreach (DiffEntry entry in report.Entries)
        {
            double here = Names(map, grouping, entry.Name).Sum(n => changes[(entry.Model, n)].Sum()),
                all = Base.Tensors.Sum(t => changes[(entry.Model, t.Name)].Sum());
            DeltaOracle.Near(here / all, entry.Share);
        }

        Assert.All(report.Models, m => DeltaOracle.Near(1, report.Entries.Where(e => e.Model == m).Sum(e => e.Share)));
        foreach (DiffPair pair in report.Pairs)
        {
            double both = 0, tenths = 0;
            foreach (string name in Names(map, grouping, pair.Name).Where(n => Base.Find(n)!.Shape.Rank == 2))
            {
                int[] a = MostChangedTenth(changes[("outer", name)], name), b = MostChangedTenth(changes[("middle", name)], name);
                both += a.Intersect(b).Count();
                tenths += a.Length;
            }

            DeltaOracle.Near(both / tenths, pair.RowOverlap);
        }
    }

    [Fact]
    public async Task Rows_changed_most_by_both_overlap_and_others_do_not()
    {
        // Of 20 rows 2 are a tenth.
        ICheckpoint baseModel = Changed("base"), a = Changed("a", 3, 17), same = Changed("same", 17, 3),
            half = Changed("half", 3, 4), other = Changed("other", 0, 19);
        LayerDiffReport report = await LayerDiff.From(baseModel).To(a, same, half, other).WithProfiles().RunAsync();
        Assert.Equal([("same", 1), ("half", 0.5), ("other", 0)], report.Pairs.Where(p => p.A == "a").Select(p => (p.B, p.RowOverlap)));
    }

    [Fact]
    public async Task Overlap_is_NaN_without_changed_rows()
    {
        ICheckpoint baseModel = Changed("base"), a = Changed("a", 3, 17), still = Changed("still");
        Assert.Equal(double.NaN, Assert.Single((await LayerDiff.From(baseModel).To(a, Changed("b", 3, 17)).RunAsync()).Pairs).RowOverlap);
        LayerDiffReport report = await LayerDiff.From(baseModel).To(a, still).WithProfiles().RunAsync();
        Assert.Equal(double.NaN, Assert.Single(report.Pairs).RowOverlap);
        // An unchanged model has no shares.
        Assert.Equal([1.0, 0.0], report.Entries.Select(e => e.Share));
    }

    /// <summary>Unchanged rows are never among the most changed rows, even if fewer than a tenth changed.</summary>
    [Fact]
    public async Task Unchanged_rows_do_not_overlap()
    {
        ICheckpoint baseModel = Changed("base"), a = Changed("a", 3), b = Changed("b", 4), c = Changed("c", 3);
        LayerDiffReport report = await LayerDiff.From(baseModel).To(a, b, c).WithProfiles().RunAsync();
        Assert.Equal([0.0, 1.0, 0.0], report.Pairs.Select(p => p.RowOverlap));
    }

    /// <summary>Zeros except in the given rows.</summary>
    private static ICheckpoint Changed(string name, params int[] rows) =>
        SmallModels.Of(name, DType.Float32, ("w", [20, 3], [.. Enumerable.Range(0, 60).Select(e => rows.Contains(e / 3) ? 1.0 : 0.0)]));

    private static string[] Names(LayerMap map, LayerGrouping grouping, string name) =>
        [.. Base.Tensors.Select(t => t.Name).Where(n => name == grouping switch
    {
        LayerGrouping.Tensor => n,
        LayerGrouping.Component => map[n].Component,
        _ => map[n].Layer is { } layer ? $"model.layers.{layer}" : map[n].Component,
    })];

    private static int[] MostChangedTenth(double[] changes, string name)
    {
        long rows = Base.Find(name)!.Shape.Extents[0], columns = Base.Find(name)!.Shape.Extents[1];
        double[] means = DeltaOracle.Rows(changes, rows, columns);
        return [.. Enumerable.Range(0, (int)rows).OrderByDescending(i => means[i]).Take((int)rows / 10)];
    }
}
