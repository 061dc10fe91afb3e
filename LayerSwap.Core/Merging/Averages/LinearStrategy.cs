namespace LayerSwap.Merging;

/// <summary>The weighted average of the sources.</summary>
internal sealed class LinearStrategy(LinearOptions options) : IMergeStrategy, IRecipeForm
{
    public string Name => "linear";

    public string Settings => ToString();

    public IEnumerable<(string Name, object Value)> Parameters => options.Weights is { } weights ? [("normalize", options.Normalize), ("weight", PerSource.Of(weights))] : [("normalize", options.Normalize)];

    public override string ToString() =>
        $"weights {(options.Weights is null ? "of the sources" : string.Join(", ", options.Weights))}{(options.Normalize ? ", normalized" : string.Empty)}";

    public TensorOperation Bind(TensorContext tensor)
    {
        if (tensor.SourceCount == 0)
        {
            throw new MergeException("linear averages sources; this merge has none besides the base. Remedy: add models.");
        }

        double[] weights = Weights(tensor);
        // Where one source alone counts, wholly, it is taken: its very bytes, and the others are not read.
        int only = Array.FindIndex(weights, IsNotZero);
        return only >= 0 && only == Array.FindLastIndex(weights, IsNotZero) && double.IsFinite(weights[only]) && (options.Normalize || weights[only] == 1)
            ? TensorOperation.Take(only)
            : WeightedAverage.Of("linear", weights, options.Normalize);
    }

    private static bool IsNotZero(double weight) => weight != 0;

    private double[] Weights(TensorContext tensor) =>
        options.Weights is not { } given ? [.. tensor.Weights]
        : given.Count == tensor.SourceCount ? [.. given.Select(w => w.At(tensor.Place))]
        : throw new MergeException($"linear has {given.Count} weights for {tensor.SourceCount} sources. Remedy: give one weight a source.");
}
