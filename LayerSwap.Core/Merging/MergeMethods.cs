using LayerSwap.Common;

namespace LayerSwap.Merging;

/// <summary>The catalogue of methods by name.</summary>
internal static class MergeMethods
{
    public static IReadOnlyList<MergeMethod> All { get; } =
    [
        Method("linear", "The weighted average of the models (a soup).", needsBase: false, [Switch("normalize", "Whether the sum is divided by the sum of the weights.", on: true)],
            v => MergeStrategies.Linear(new LinearOptions { Normalize = v.Switch("normalize") })),
        Method("slerp", "Spherical interpolation from the base, or the first of two models, to the other.", needsBase: false, [Number("t", "From 0, the first, to 1, the second.", 0.5)],
            v => MergeStrategies.Slerp(v.Number("t"))),
        Method("nuslerp", "Spherical interpolation of two weighted models, or of their changes from a base.", needsBase: false,
            [Switch("nuslerp_flatten", "Whether a tensor is one vector.", on: true), Switch("nuslerp_row_wise", "Without flattening: vectors along the first axis instead of the last.", on: false)],
            v => MergeStrategies.NuSlerp(new NuSlerpOptions { Flatten = v.Switch("nuslerp_flatten"), RowWise = v.Switch("nuslerp_row_wise") })),
        Method("multislerp", "The weighted barycentre of several models on the sphere.", needsBase: false,
            [Switch("normalize_weights", "Whether weights are divided by their sum.", on: true), Number("eps", "The length below which a mean direction counts as vanishing; above 0.", 1e-8)],
            v => MergeStrategies.MultiSlerp(new MultiSlerpOptions { NormalizeWeights = v.Switch("normalize_weights"), Epsilon = v.Plain("eps") })),
        Method("karcher", "The Karcher mean of all models.", needsBase: false, [Number("max_iter", "The most iterations; 1 or more.", 10), Number("tol", "The step that ends the iteration; above 0.", 1e-5)],
            v => MergeStrategies.Karcher(new KarcherOptions { MaxIterations = v.Whole("max_iter"), Tolerance = v.Plain("tol") })),
        Method("nearswap", "The other model's elements where they are near the base's.", needsBase: true, [Number("t", "The distance up to which elements are taken whole; 0 or more.", null)],
            v => MergeStrategies.NearSwap(v.Number("t"))),
        Method("passthrough", "One model, unchanged or scaled.", needsBase: false, [EachSource("scale", "What every element is multiplied by; 1 copies bytes.", 1)],
            v => MergeStrategies.Passthrough(v.Number("scale"))),
        Method("model_stock", "The base moved towards the models' mean, as far as their changes agree.", needsBase: true, [Switch("filter_wise", "Whether row by row.", on: false)],
            v => MergeStrategies.ModelStock(v.Switch("filter_wise"))),
        Method("arcee_fusion", "The other model's elements where their change is important.", needsBase: true, [], _ => MergeStrategies.ArceeFusion()),
        Method("task_arithmetic", "The base plus the scaled sum of the models' changes from it.", needsBase: true, [Lambda, Switch("normalize", "Whether the sum is divided by the sum of the weights.", on: false)],
            v => MergeStrategies.TaskArithmetic(new TaskArithmeticOptions { Scale = v.Number("lambda"), Normalize = v.Switch("normalize") })),
        Method("ties", "Each change trimmed to its largest, merged where signs agree.", needsBase: true, [Density, Lambda, Normalize(true), Rescaled(false), Int8Mask],
            v => MergeStrategies.Ties(new TiesOptions { Density = v.PerSource("density"), Lambda = v.Number("lambda"), Normalize = v.Switch("normalize"), Rescale = Scale(v) })),
        Method("dare_linear", "Each change thinned out at random, summed.", needsBase: true, [Density, Lambda, Normalize(false), Rescaled(true), Int8Mask], v => Dare(v, signs: false)),
        Method("dare_ties", "Each change thinned out at random, merged where signs agree.", needsBase: true, [Density, Lambda, Normalize(false), Rescaled(true), Int8Mask], v => Dare(v, signs: true)),
        Method("breadcrumbs", "Each change without its largest and smallest, summed.", needsBase: true, [Density, Gamma, Lambda, Normalize(false), Rescaled(false), Int8Mask], v => Breadcrumbs(v, signs: false)),
        Method("breadcrumbs_ties", "Each change without its largest and smallest, merged where signs agree.", needsBase: true, [Density, Gamma, Lambda, Normalize(false), Rescaled(false), Int8Mask], v => Breadcrumbs(v, signs: true)),
        Method("della", "Each change thinned out at random, small elements first, merged where signs agree.", needsBase: true, [Density, Epsilon, Lambda, Normalize(true), Rescaled(true), Int8Mask], v => Della(v, signs: true)),
        Method("della_linear", "Each change thinned out at random, small elements first, summed.", needsBase: true, [Density, Epsilon, Lambda, Normalize(false), Rescaled(true), Int8Mask], v => Della(v, signs: false)),
        Method("sce", "Positions where the models vary most, weighted by energy, minority signs erased.", needsBase: true, [Number("select_topk", "The share of positions kept; 0 to 1.", 1), Int8Mask],
            v => MergeStrategies.Sce(v.Number("select_topk"))),
        Method("ram", "What one model alone changed added whole, what several changed averaged.", needsBase: true, [Number("epsilon", "The magnitude above which an element counts as changed.", 1e-5)],
            v => MergeStrategies.Ram(new RamOptions { Epsilon = v.Plain("epsilon") })),
        Method("ramplus_tl", "As ram, lone parts scaled by how much a model shares.", needsBase: true,
            [Number("epsilon", "The magnitude above which an element counts as changed.", 1e-5), Number("r", "How strongly lone parts are scaled.", 0.1), Number("alpha", "The most that the ratio of shared to lone counts.", 0.2)],
            v => MergeStrategies.RamPlus(new RamPlusOptions { Epsilon = v.Plain("epsilon"), R = v.Plain("r"), Alpha = v.Plain("alpha") })),
        Method("expo", "Past the fine-tuned model, away from its base.", needsBase: true, [Number("alpha", "How far.", 0.5)], v => MergeStrategies.ExPO(v.Number("alpha"))),
        Method("lines", "Task arithmetic whose scale grows with depth.", needsBase: true, [Number("alpha", "The scale at the first layer.", 1), Number("beta", "What is added at the last.", 0)],
            v => MergeStrategies.Lines(v.Plain("alpha"), v.Plain("beta"))),
        Method("threshold_interpolation", "Interpolates only tensors that differ by more than a threshold.", needsBase: false,
            [Number("t", "From 0, the first, to 1, the second.", 0.5), Number("threshold", "The relative difference that must be passed; 0 or more.", 0)],
            v => MergeStrategies.ThresholdInterpolation(v.Number("t"), v.Number("threshold"))),
    ];

    private static MergeParameter Lambda => Number("lambda", "The scale of the merged change.", 1);

    private static MergeParameter Density => EachSource("density", "The share of each change that is kept; 0 to 1.", 1);

    private static MergeParameter Gamma => EachSource("gamma", "The share of the very largest that is dropped; 0 up to 1.", 0.01);

    private static MergeParameter Epsilon => EachSource("epsilon", "How far probabilities lie from the density at either end of a row's ranking.", 0.15);

    private static MergeParameter Int8Mask => Switch("int8_mask", "Accepted for recipes' sake; changes nothing.", on: false);

    public static MergeMethod Find(string name) => All.FirstOrDefault(m => m.Name == name)
        ?? throw new ArgumentException($"There is no method {Printable.Escape(name)}; nearest is {ClosestMatch.To(name, All.Select(m => m.Name))}. There are {string.Join(", ", All.Select(m => m.Name))}.", nameof(name));

    private static MergeMethod Method(string name, string summary, bool needsBase, IReadOnlyList<MergeParameter> parameters, Func<ParameterValues, IMergeStrategy> factory) =>
        new() { Name = name, Summary = summary, NeedsBase = needsBase, UsesBase = name is not ("linear" or "passthrough"), Parameters = parameters, Factory = factory };

    private static MergeParameter Number(string name, string summary, double? otherwise) => new() { Name = name, Summary = summary, Default = otherwise };

    private static MergeParameter EachSource(string name, string summary, double? otherwise) => new() { Name = name, Summary = summary, Default = otherwise, IsPerSource = true };

    private static MergeParameter Switch(string name, string summary, bool on) => new() { Name = name, Summary = summary, Default = on ? 1 : 0, IsSwitch = true };

    private static MergeParameter Normalize(bool on) => Switch("normalize", "Whether the result is divided by the sum of weights.", on);

    private static MergeParameter Rescaled(bool on) => Switch("rescale", "Whether kept values are scaled so that magnitudes sum to what they did.", on);

    private static Rescale Scale(ParameterValues v) => v.Switch("rescale") ? Rescale.L1 : Rescale.None;

    private static IMergeStrategy Dare(ParameterValues v, bool signs) => MergeStrategies.Dare(new DareOptions
    {
        Density = v.PerSource("density"),
        Lambda = v.Number("lambda"),
        Normalize = v.Switch("normalize"),
        Rescale = Scale(v),
        SignConsensus = signs,
    });

    private static IMergeStrategy Breadcrumbs(ParameterValues v, bool signs) => MergeStrategies.Breadcrumbs(new BreadcrumbsOptions
    {
        Density = v.PerSource("density"),
        Gamma = v.PerSource("gamma"),
        Lambda = v.Number("lambda"),
        Normalize = v.Switch("normalize"),
        Rescale = Scale(v),
        SignConsensus = signs,
    });

    private static IMergeStrategy Della(ParameterValues v, bool signs) => MergeStrategies.Della(new DellaOptions
    {
        Density = v.PerSource("density"),
        Epsilon = v.PerSource("epsilon"),
        Lambda = v.Number("lambda"),
        Normalize = v.Switch("normalize"),
        Rescale = Scale(v),
        SignConsensus = signs,
    });
}
