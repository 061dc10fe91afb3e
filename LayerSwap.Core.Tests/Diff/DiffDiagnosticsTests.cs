using LayerSwap.Benchmarks.Synthetic;

namespace LayerSwap.Tests.Diff;

/// <summary>Each finding is caused by a model built for it, and by no light fine-tuning.</summary>
public sealed class DiffDiagnosticsTests
{
    private const string Gate = "model.layers.3.mlp.gate_proj.weight";

    private static readonly LlamaShape Shape = new() { Layers = 8, DType = DType.Float32 };

    private static ICheckpoint Base { get; } = new GeneratedModel("base", Shape);

    /// <summary>Changed by a fortieth of the weights: 0.001 of 0.04.</summary>
    private static ICheckpoint Light { get; } = Expert("light", 1);

    [Theory]
    [InlineData(DType.Float32, 0.0005, 0.002)]
    [InlineData(DType.BFloat16, 0.0005, 0.002)]
    [InlineData(DType.Float16, 0.001, 0.001)]
    public async Task Light_fine_tuning_has_no_findings(DType dtype, double a, double b)
    {
        LlamaShape shape = Shape with { DType = dtype };
        bool Outside(int? layer) => layer is 0 or 1 or 7;
        LayerDiffReport report = await LayerDiff.From(new GeneratedModel("base", shape)).To(
            new GeneratedModel("language", shape, 1, l => Outside(l) ? 2 * a : a),
            new GeneratedModel("task", shape, 2, l => Outside(l) ? b / 2 : b)).RunAsync();
        Assert.Empty(report.Findings);
        Assert.DoesNotContain("note:", report.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    public async Task Non_finite_values_are_reported_for_their_model(double what)
    {
        // The first, an inner and the last element: vectors and their remainder.
        foreach (int at in (int[])[0, 1000, 2047])
        {
            ICheckpoint bad = Changed("bad", Light,
                (name, values) => name == Gate ? [.. values.Select((v, i) => i == at ? what : v)] : values);
            DiffFinding ofModel = await OneAsync(DiffFindingKind.NotFinite, ["bad"], [], LayerDiff.From(Base).To(bad));
            Assert.Contains(Gate, ofModel.Message, StringComparison.Ordinal);
            await OneAsync(DiffFindingKind.NotFinite, ["bad"], [], LayerDiff.From(Base).To(Expert("other", 2), bad));
            await OneAsync(DiffFindingKind.NotFinite, ["bad"], [], LayerDiff.From(bad).To(Light));
        }
    }

    [Fact]
    public async Task A_model_equal_to_the_base_is_reported()
    {
        await OneAsync(DiffFindingKind.EqualToBase, ["copy"], [], LayerDiff.From(Base).To(Changed("copy", Base, (_, values) => values)));
        await OneAsync(DiffFindingKind.EqualToBase, ["copy"], [],
            LayerDiff.From(Base).To(Light, Changed("copy", Base, (_, values) => values)));
        // Bit for bit: a zero with another sign is another model, if barely.
        LayerDiffReport barely = await LayerDiff.From(SmallModels.Of("a", DType.Float32, ("w", [1, 2], [0.0, 1])))
            .To(SmallModels.Of("b", DType.Float32, ("w", [1, 2], [-0.0, 1]))).RunAsync();
        Assert.DoesNotContain(barely.Findings, v => v.Kind == DiffFindingKind.EqualToBase);
    }

    [Fact]
    public async Task An_unrelated_model_has_another_base()
    {
        ICheckpoint stranger = Changed("stranger", Base, (_, values) => [.. values.Reverse()]);
        await OneAsync(DiffFindingKind.OtherBase, ["stranger"], [], LayerDiff.From(Base).To(stranger));
        await OneAsync(DiffFindingKind.OtherBase, ["stranger"], [], LayerDiff.From(Base).To(stranger, Light));
        // Norms are near 1 in every model and larger than the weights: they do not identify the base.
        ICheckpoint WithNorms(ICheckpoint model) =>
            Changed(model.Name, model,
                (name, values) => name.Contains("norm", StringComparison.Ordinal) ? [.. values.Select(_ => 10.0)] : values);
        await OneAsync(DiffFindingKind.OtherBase, ["stranger"], [], LayerDiff.From(WithNorms(Base)).To(WithNorms(stranger)));
    }

    [Fact]
    public async Task Two_experts_of_another_base_are_recognised()
    {
        ICheckpoint shared = Expert("shared", 7, 0.002);
        ICheckpoint From(string name, ICheckpoint baseModel, int seed) =>
            Changed(name, baseModel, (_, values) => DeltaOracle.Moved(values, 0.001, seed));
        ICheckpoint a = From("one", shared, 1), b = From("two", shared, 2);
        await OneAsync(DiffFindingKind.OtherBase, ["one", "two"], [], LayerDiff.From(Base).To(a, b));
        await OneAsync(DiffFindingKind.OtherBase, ["one", "two"], [], LayerDiff.From(Base).To(a, Light, b));
        Assert.Empty((await LayerDiff.From(shared).To(a, b).RunAsync()).Findings);
    }

    [Fact]
    public async Task Experts_far_from_each_other_are_reported()
    {
        DiffFinding verdict = await OneAsync(DiffFindingKind.FarApart, ["heavy", "heavier"], [],
            LayerDiff.From(Base).To(Expert("heavy", 1, 0.006), Expert("heavier", 2, 0.008)));
        // sqrt(0.006^2 + 0.008^2) of 0.04 is a quarter; the two moved by 15 and 20 per cent.
        Assert.Matches(@"2[45]\.\d.*1[45]\.\d.*(19|20)\.\d", verdict.Message);
        await OneAsync(DiffFindingKind.FarApart, ["light", "heavy"], [], LayerDiff.From(Base).To(Light, Expert("heavy", 2, 0.006)));
        // A single expert has no distance to others.
        Assert.Empty((await LayerDiff.From(Base).To(Expert("heavy", 1, 0.006)).RunAsync()).Findings);
    }

    [Theory]
    [InlineData("layer 4", 4)]
    [InlineData("layers 0-2, 5, 7", 0, 1, 2, 5, 7)]
    public async Task Frozen_layers_are_named(string text, params int[] frozen)
    {
        ICheckpoint model = new GeneratedModel("frozen", Shape, 1, l => l is { } layer && frozen.Contains(layer) ? 0 : 0.001);
        DiffFinding verdict = await OneAsync(DiffFindingKind.UnchangedLayers,
            ["frozen"], frozen, LayerDiff.From(Base).To(Expert("other", 2), model));
        Assert.Contains(text + " ", verdict.Message, StringComparison.Ordinal);
        // A layer of which one projection was fine-tuned is not frozen.
        ICheckpoint partly = Changed("partly", Base,
            (name, values) => name.EndsWith("self_attn.q_proj.weight", StringComparison.Ordinal)
                ? DeltaOracle.Moved(values, 0.001, 3)
                : values);
        Assert.Empty((await LayerDiff.From(Base).To(partly).RunAsync()).Findings);
    }

    [Fact]
    public async Task Layers_of_zeros_are_named()
    {
        ICheckpoint Dead(ICheckpoint model, params int[] layers) => Changed(model.Name, model, (name, values) =>
            layers.Any(l => name.StartsWith($"model.layers.{l}.", StringComparison.Ordinal))
                && !name.Contains("norm", StringComparison.Ordinal) ? [.. values.Select(_ => 0.0)] : values);
        DiffFinding verdict = await OneAsync(DiffFindingKind.DeadLayers, ["light"], [2, 3], LayerDiff.From(Base).To(Dead(Light, 2, 3)));
        Assert.Contains("layers 2-3 ", verdict.Message, StringComparison.Ordinal);
        // The base's own, which the expert has brought to life.
        verdict = await OneAsync(DiffFindingKind.DeadLayers, ["base"], [6], LayerDiff.From(Dead(Base, 6)).To(Light));
        Assert.Contains("layer 6 ", verdict.Message, StringComparison.Ordinal);
        // A single zero projection is not a dead layer: some are initialised to zero.
        ICheckpoint partly = Changed("partly", Light, (name, values) => name == Gate ? [.. values.Select(_ => 0.0)] : values);
        Assert.Empty((await LayerDiff.From(Base).To(partly).RunAsync()).Findings);
    }

    [Fact]
    public async Task Names_are_escaped_in_messages()
    {
        DiffFinding verdict = await OneAsync(DiffFindingKind.EqualToBase, ["c\u0007py"],
            [], LayerDiff.From(Base).To(Changed("c\u0007py", Base, (_, values) => values)));
        Assert.DoesNotContain('\u0007', verdict.Message);
    }

    /// <summary>The one verdict, which names its models and is shown in the report's text.</summary>
    private static async Task<DiffFinding> OneAsync(DiffFindingKind kind, string[] models, int[] layers, LayerDiff diff)
    {
        LayerDiffReport report = await diff.RunAsync();
        DiffFinding verdict = Assert.Single(report.Findings);
        Assert.Equal(kind, verdict.Kind);
        Assert.Equal(models, verdict.Models);
        Assert.Equal(layers, verdict.Layers);
        Assert.All(models, m => Assert.Contains(Printable.Escape(m), verdict.Message, StringComparison.Ordinal));
        Assert.Equal(verdict.Message, verdict.ToString());
        Assert.Contains($"note: {verdict.Message}\n", report.ToString(), StringComparison.Ordinal);
        return verdict;
    }

    private static GeneratedModel Expert(string name, int expert, double change = 0.001) => new(name, Shape, expert, _ => change);

    private static ICheckpoint Changed(string name, ICheckpoint model, Func<string, double[], double[]> change) =>
        SmallModels.Of(name, DType.Float32,
            [.. model.Tensors.Select(t => (t.Name, t.Shape.Extents.ToArray(), change(t.Name, SmallModels.Values(model, t.Name))))]);
}
