namespace LayerSwap.Merging;

/// <summary>The weighted average of the sources.</summary>
internal sealed class LinearStrategy(LinearOptions options) : IMergeStrategy
{
    public string Name => "linear";

    public override string ToString() =>
        $"weights {(options.Weights is null ? "of the sources" : string.Join(", ", options.Weights))}{(options.Normalize ? ", normalized" : string.Empty)}";

    public TensorMerge Bind(MergeTensor tensor)
    {
        if (tensor.SourceCount == 0)
        {
            throw new MergeException("linear averages sources; this merge has none besides the base. Remedy: add models.");
        }

        double[] weights = Weights(tensor);
        return weights.Length == 1 && options.Normalize && weights[0] != 0 ? TensorMerge.Take(0) : WeightedAverage.Of("linear", weights, options.Normalize);
    }

    private double[] Weights(MergeTensor tensor) =>
        options.Weights is not { } given ? [.. tensor.Weights]
        : given.Count == tensor.SourceCount ? [.. given.Select(w => w.At(tensor.Place))]
        : throw new MergeException($"linear has {given.Count} weights for {tensor.SourceCount} sources. Remedy: give one weight a source.");
}
