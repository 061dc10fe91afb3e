using LayerSwap.Merging;

namespace LayerSwap;

/// <summary>Options of the weighted average.</summary>
public sealed record LinearOptions
{
    /// <summary>The finite weight of each source; null (the default) for the weights given when the sources were added.</summary>
    public IReadOnlyList<Schedule>? Weights { get; init; }

    /// <summary>Whether the sum is divided by the sum of the weights, which must then not be zero; true by default.</summary>
    public bool Normalize { get; init; } = true;

    /// <inheritdoc/>
    public override string ToString() =>
        $"weights {(Weights is null ? "of the sources" : string.Join(", ", Weights))}{(Normalize ? ", normalized" : "")}";
}

public static partial class MergeStrategies
{
    /// <summary>
    /// The weighted average of the sources (a model soup, Wortsman et al., arXiv:2203.05482): <c>sum w_i x_i / sum w_i</c>. The base does
    /// not take part.
    /// </summary>
    /// <param name="options">Null for the defaults.</param>
    public static IMergeStrategy Linear(LinearOptions? options = null) => new Linear(options ?? new());
}

/// <summary>The weighted average of the sources.</summary>
internal sealed class Linear(LinearOptions options) : MethodStrategy<LinearOptions>(Descriptor, options)
{
    public static readonly MethodDescriptor<LinearOptions> Descriptor = new MethodDescriptor<LinearOptions>(
        "linear", "The weighted average of the models (a soup).", new(), o => new Linear(o))
    {
        UsesBase = false,
        UsesWeights = true,
        Weights = o => o.Weights is { } weights ? PerSource.Of(weights) : null,
    }
    .Switch("normalize", "Whether the sum is divided by the sum of the weights.", o => o.Normalize, (o, v) => o with { Normalize = v });

    public override TensorOperation Bind(TensorContext tensor)
    {
        if (tensor.SourceCount == 0)
        {
            throw new MergeException("linear averages sources; this merge has none besides the base. Remedy: add models.");
        }

        double[] weights = WeightsOf(tensor);
        // If only one source has a weight and it is not scaled, its bytes are copied and the others are not read.
        int only = Array.FindIndex(weights, w => w != 0);
        return only >= 0 && only == Array.FindLastIndex(weights, w => w != 0) && double.IsFinite(weights[only])
            && (Options.Normalize || weights[only] == 1)
            ? TensorOperation.Take(only)
            : WeightedAverage.Of(Name, weights, Options.Normalize);
    }

    private double[] WeightsOf(TensorContext tensor) =>
        Options.Weights is not { } given ? [.. tensor.Weights]
        : given.Count == tensor.SourceCount ? [.. given.Select(w => w.At(tensor.Place))]
        : throw new MergeException($"linear has {given.Count} weights for {tensor.SourceCount} sources. Remedy: give one weight a source.");
}
