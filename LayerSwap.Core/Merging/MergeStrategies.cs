using LayerSwap.Merging;

namespace LayerSwap;

/// <summary>The built-in strategies. Each has a page in docs/strategies with its formula and source.</summary>
public static class MergeStrategies
{
    /// <summary>Every method that can be found by name, with its parameters.</summary>
    public static IReadOnlyList<MergeMethod> Methods => MergeMethods.All;

    /// <summary>Finds a method by its name, such as <c>task_arithmetic</c>.</summary>
    /// <exception cref="ArgumentException">There is none; the message names the nearest.</exception>
    public static MergeMethod Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return MergeMethods.Find(name);
    }

    /// <summary>The base's bytes, or the first source's where there is no base.</summary>
    public static IMergeStrategy Keep { get; } = new TakeStrategy("keep", null);

    /// <summary>The bytes of one source, unchanged.</summary>
    /// <param name="source">From 0, in the order the sources were added, or <see cref="TensorOperation.Base"/>.</param>
    public static IMergeStrategy Take(int source)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(source, TensorOperation.Base);
        return new TakeStrategy("take", source);
    }

    /// <summary>One source, its bytes unchanged, or multiplied by a scale.</summary>
    /// <param name="scale">Null or 1 for unchanged.</param>
    public static IMergeStrategy Passthrough(Schedule? scale = null) => new PassthroughStrategy(scale);

    /// <summary>The weighted average of the sources (a model soup, Wortsman et al., arXiv:2203.05482): <c>sum w_i x_i / sum w_i</c>. The base is not one of them.</summary>
    /// <param name="options">Null for the defaults.</param>
    public static IMergeStrategy Linear(LinearOptions? options = null) => new LinearStrategy(options ?? new());

    /// <summary>The base plus the scaled, weighted sum of the sources' changes (Ilharco et al., arXiv:2212.04089): <c>x_0 + scale * sum w_i (x_i - x_0)</c>.</summary>
    /// <param name="scale">The scale (lambda), 1 by default.</param>
    /// <param name="normalize">Whether the sum is divided by the sum of the weights; false by default.</param>
    public static IMergeStrategy TaskArithmetic(Schedule? scale = null, bool normalize = false) =>
        new TaskArithmeticStrategy(new() { Scale = scale ?? 1, Normalize = normalize });

    /// <inheritdoc cref="TaskArithmetic(Schedule?, bool)"/>
    /// <param name="options">The parameters.</param>
    public static IMergeStrategy TaskArithmetic(TaskArithmeticOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new TaskArithmeticStrategy(options);
    }

    /// <summary>
    /// Layer swapping (Bandarkar et al., arXiv:2410.01335). Source 0 is the task expert, source 1 the language expert; the base, if there is
    /// one, is used where the options ask for it.
    /// </summary>
    /// <param name="options">Null for the paper's: 5 bottom and 2 top layers, 1 transition layer at each seam, of 32.</param>
    /// <exception cref="ArgumentException">A number is negative, or the weights are not usable.</exception>
    public static IMergeStrategy LayerSwap(LayerSwapOptions? options = null) => new LayerSwapStrategy(options ?? new());

    /// <summary>Spherical interpolation from the base (or the first of two models) to the other: <c>sin((1-t)o)/sin o x_0 + sin(t o)/sin o x_1</c>, o the angle between them; linear where they are nearly parallel.</summary>
    /// <param name="t">From 0, the base, to 1, the other.</param>
    public static IMergeStrategy Slerp(Schedule t)
    {
        ArgumentNullException.ThrowIfNull(t);
        return new SlerpStrategy(t);
    }

    /// <summary>Spherical interpolation of two weighted models, or of their changes where there is a base; by whole tensors, rows or columns.</summary>
    /// <param name="options">Null for the defaults.</param>
    public static IMergeStrategy NuSlerp(NuSlerpOptions? options = null) => new NuSlerpStrategy(options ?? new());

    /// <summary>The weighted barycentre of several models on the sphere, or of their changes where there is a base.</summary>
    /// <param name="options">Null for the defaults.</param>
    public static IMergeStrategy MultiSlerp(MultiSlerpOptions? options = null) => new MultiSlerpStrategy(options ?? new());

    /// <summary>The Karcher mean (Karcher, 1977) of all models' directions, times their mean norm. A base is one of them.</summary>
    /// <param name="options">Null for the defaults.</param>
    public static IMergeStrategy Karcher(KarcherOptions? options = null) => new KarcherStrategy(options ?? new());

    /// <summary><c>w x_1 + (1 - w) x_0</c> with <c>w = clamp(t / max(abs(x_0 - x_1), 1e-6), 0, 1)</c>: the other model where it is near the base.</summary>
    /// <param name="t">The distance up to which elements are taken whole; 0 or more.</param>
    public static IMergeStrategy NearSwap(Schedule t)
    {
        ArgumentNullException.ThrowIfNull(t);
        return new NearSwapStrategy(t);
    }

    /// <summary>Model Stock (Jang et al., arXiv:2403.19522): the base moved towards the models' mean by <c>N c / (1 + (N - 1) c)</c>, c the mean cosine between their changes.</summary>
    /// <param name="filterWise">Whether row by row (along the last axis) instead of by whole tensors.</param>
    public static IMergeStrategy ModelStock(bool filterWise = false) => new ModelStockStrategy(filterWise);

    /// <summary>Arcee Fusion: the other model's elements where change times the row's divergence passes the median plus 1.5 times the distance of the quartiles. Exact at any size.</summary>
    public static IMergeStrategy ArceeFusion() => new ArceeFusionStrategy();

    /// <summary>TIES (Yadav et al., arXiv:2306.01708): trim each change to its largest, elect signs, merge what agrees.</summary>
    /// <param name="density">The share of each change that is kept.</param>
    public static IMergeStrategy Ties(PerSource density) => Ties(new TiesOptions { Density = density });

    /// <inheritdoc cref="Ties(PerSource)"/>
    /// <param name="options">The parameters.</param>
    public static IMergeStrategy Ties(TiesOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new TaskVectorStrategy
        {
            Name = "ties",
            Sparsification = Sparsification.Magnitude,
            SignConsensus = true,
            Normalize = options.Normalize,
            Rescale = options.Rescale,
            Lambda = options.Lambda,
            Density = options.Density,
        };
    }

    /// <summary>DARE (Yu et al., arXiv:2311.03099): drop elements of each change at random, make up for it, and sum, or merge what agrees in sign.</summary>
    /// <param name="options">The parameters.</param>
    public static IMergeStrategy Dare(DareOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new TaskVectorStrategy
        {
            Name = options.SignConsensus ? "dare_ties" : "dare_linear",
            Sparsification = Sparsification.Random,
            SignConsensus = options.SignConsensus,
            Normalize = options.Normalize,
            Rescale = options.Rescale,
            Lambda = options.Lambda,
            Density = options.Density,
        };
    }

    /// <summary>Model Breadcrumbs (Davari and Belilovsky, arXiv:2312.06795): drop the largest and the smallest of each change, and sum, or merge what agrees in sign.</summary>
    /// <param name="options">The parameters.</param>
    public static IMergeStrategy Breadcrumbs(BreadcrumbsOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new TaskVectorStrategy
        {
            Name = options.SignConsensus ? "breadcrumbs_ties" : "breadcrumbs",
            Sparsification = Sparsification.MagnitudeWithoutOutliers,
            SignConsensus = options.SignConsensus,
            Normalize = options.Normalize,
            Rescale = options.Rescale,
            Lambda = options.Lambda,
            Density = options.Density,
            Gamma = options.Gamma,
        };
    }

    /// <summary>DELLA (Deep et al., arXiv:2406.11617): drop elements at random, the smaller the likelier, and merge what agrees in sign, or sum.</summary>
    /// <param name="options">The parameters.</param>
    public static IMergeStrategy Della(DellaOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new TaskVectorStrategy
        {
            Name = options.SignConsensus ? "della" : "della_linear",
            Sparsification = Sparsification.RankedRandom,
            SignConsensus = options.SignConsensus,
            Normalize = options.Normalize ?? options.SignConsensus,
            Rescale = options.Rescale,
            Lambda = options.Lambda,
            Density = options.Density,
            Epsilon = options.Epsilon,
        };
    }

    /// <summary>SCE (Wan et al., arXiv:2408.07990): select where the models' changes vary most, weigh models by the energy of what is selected, erase minority signs.</summary>
    /// <param name="selectTopk">The share of positions that is kept, of those that vary at all: 0 to 1; 1 by default.</param>
    public static IMergeStrategy Sce(Schedule? selectTopk = null) => new SceStrategy(selectTopk ?? 1);

    /// <summary>RAM: what one source alone changed is added whole, what several changed is averaged among them.</summary>
    /// <param name="options">Null for the defaults.</param>
    public static IMergeStrategy Ram(RamOptions? options = null) => new RamStrategy((options ?? new()).Epsilon, null);

    /// <summary>RAM+ (ramplus_tl): as <see cref="Ram"/>, a source's lone part scaled by <c>1 + r clamp(shared / max(lone, epsilon), 0, alpha)</c>.</summary>
    /// <param name="options">Null for the defaults.</param>
    public static IMergeStrategy RamPlus(RamPlusOptions? options = null) => new RamStrategy((options ?? new()).Epsilon, options ?? new());

    /// <summary>ExPO (Zheng et al., arXiv:2404.16792): <c>x_1 + alpha (x_1 - x_0)</c>, past the fine-tuned model and away from its base.</summary>
    /// <param name="alpha">How far; any finite number.</param>
    public static IMergeStrategy ExPO(Schedule alpha)
    {
        ArgumentNullException.ThrowIfNull(alpha);
        return new ExPOStrategy(alpha);
    }

    /// <summary>LiNeS (Wang et al., arXiv:2410.17146): task arithmetic whose scale grows linearly with depth from alpha to alpha + beta.</summary>
    /// <param name="alpha">The scale at the first layer, and outside the layers.</param>
    /// <param name="beta">What is added at the last layer.</param>
    public static IMergeStrategy Lines(double alpha, double beta) =>
        new TaskArithmeticStrategy(new() { Scale = Schedule.Linear(alpha, alpha + beta) }, "lines");

    /// <summary>Interpolates only tensors whose mean absolute difference passes a threshold times the first model's mean magnitude; others are the first model's (arXiv:2506.14794).</summary>
    /// <param name="t">From 0, the first model (the base, if there is one), to 1, the second.</param>
    /// <param name="threshold">The relative difference that must be passed; 0 or more.</param>
    public static IMergeStrategy ThresholdInterpolation(Schedule t, Schedule threshold)
    {
        ArgumentNullException.ThrowIfNull(t);
        ArgumentNullException.ThrowIfNull(threshold);
        return new ThresholdInterpolationStrategy(t, threshold);
    }

    /// <summary>
    /// Share swap (arXiv:2601.22620): with <c>p(layer) = change(layer) / sum of changes</c> for each of two experts, a layer is taken from the expert with the larger share where the shares
    /// differ by more than a threshold, and averaged elsewhere.
    /// </summary>
    /// <param name="diff">A diff of exactly the two models that are merged, in the same order, grouped by layer; changes are measured by L2.</param>
    /// <param name="threshold">The difference of shares that must be passed; 0 or more, 0.1 by default.</param>
    /// <exception cref="ArgumentException">The diff has not two models, or is not grouped by layer.</exception>
    public static IMergeStrategy ShareSwap(LayerDiffReport diff, double threshold = 0.1)
    {
        ArgumentNullException.ThrowIfNull(diff);
        if (diff.Models.Count != 2 || diff.GroupedBy != LayerGrouping.Layer)
        {
            throw new ArgumentException($"A diff of two models by layer is needed; this one has {diff.Models.Count}, by {diff.GroupedBy.ToString().ToLowerInvariant()}.", nameof(diff));
        }

        Dictionary<int, double>[] shares = [.. diff.Models.Select(model =>
        {
            // The layers of the main stack: of several the one with the most parameters.
            DiffEntry[] layers = [.. diff.Entries.Where(e => e.Model == model && e.Layer is not null).GroupBy(e => e.Name[..e.Name.LastIndexOf('.')], StringComparer.Ordinal)
                .MaxBy(g => g.Sum(e => e.Parameters)) ?? Enumerable.Empty<DiffEntry>()];
            double sum = layers.Sum(e => e.L2);
            return layers.ToDictionary(e => e.Layer!.Value, e => sum > 0 ? e.L2 / sum : 0);
        })];
        return new ShareSwapStrategy(new LayerShares([.. diff.Models], shares), threshold);
    }
}
