namespace LayerSwap.Merging;

/// <summary>The barycentre of several models, or of their changes from a base, on the sphere.</summary>
internal sealed class MultiSlerpStrategy : IMergeStrategy, IRecipeForm
{
    private readonly MultiSlerpOptions _options;

    public MultiSlerpStrategy(MultiSlerpOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Epsilon, nameof(MultiSlerpOptions.Epsilon));
        _options = options;
    }

    public string Name => "multislerp";

    public string Settings => ToString();

    public IEnumerable<(string Name, object Value)> Parameters => [("normalize_weights", _options.NormalizeWeights), ("eps", _options.Epsilon)];

    public override string ToString() => _options.ToString();

    public TensorOperation Bind(TensorContext tensor)
    {
        if (tensor.SourceCount == 0)
        {
            throw new MergeException("multislerp merges models; this merge has none besides the base. Remedy: add models.");
        }

        if (tensor.SourceCount == 1)
        {
            return TensorOperation.Take(0);
        }

        double sum = tensor.Weights.Sum();
        if (_options.NormalizeWeights && Math.Abs(sum) < 1e-12)
        {
            throw new MergeException("multislerp: the weights sum to 0; a sum other than zero is needed to divide by. Remedy: change the weights.");
        }

        double[] weights = [.. tensor.Weights.Select(w => _options.NormalizeWeights ? w / sum : w)];
        return new GramOperation(GramGroups.Whole(tensor.Output.Shape), weights.Length, tensor.HasBase, tensor.HasBase, g => Spherical.MultiSlerp(g, weights, _options.Epsilon), string.Empty);
    }
}
