namespace LayerSwap.Merging;

/// <summary>The Karcher mean of all models; a base, if there is one, is one of them.</summary>
internal sealed class KarcherStrategy : IMergeStrategy, IRecipeForm
{
    private readonly KarcherOptions _options;

    public KarcherStrategy(KarcherOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxIterations, 1, nameof(KarcherOptions.MaxIterations));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Tolerance, nameof(KarcherOptions.Tolerance));
        _options = options;
    }

    public string Name => "karcher";

    public string Settings => ToString();

    public IEnumerable<(string Name, object Value)> Parameters => [("max_iter", (double)_options.MaxIterations), ("tol", _options.Tolerance)];

    public override string ToString() => _options.ToString();

    public TensorOperation Bind(TensorContext tensor)
    {
        int models = tensor.SourceCount + (tensor.HasBase ? 1 : 0);
        return models == 1 ? TensorOperation.Take(tensor.HasBase ? TensorOperation.Base : 0)
            : new GramOperation(GramGroups.Whole(tensor.Output.Shape), models, fromBase: false, tensor.HasBase, g => Spherical.Karcher(g, _options.MaxIterations, _options.Tolerance), string.Empty);
    }
}
