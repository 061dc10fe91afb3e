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
    /// <param name="source">From 0, in the order the sources were added, or <see cref="TensorMerge.Base"/>.</param>
    public static IMergeStrategy Take(int source)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(source, TensorMerge.Base);
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
}
