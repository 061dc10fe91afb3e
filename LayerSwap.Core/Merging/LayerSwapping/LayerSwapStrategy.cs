namespace LayerSwap.Merging;

/// <summary>The paper's algorithm: outer layers from the language expert, the middle from the task expert, a transition between.</summary>
internal sealed class LayerSwapStrategy : IMergeStrategy, IRecipeForm
{
    private const int Task = 0, Language = 1;

    private readonly LayerSwapOptions _options;

    public LayerSwapStrategy(LayerSwapOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(options.Bottom, nameof(LayerSwapOptions.Bottom));
        ArgumentOutOfRangeException.ThrowIfNegative(options.Top, nameof(LayerSwapOptions.Top));
        ArgumentOutOfRangeException.ThrowIfNegative(options.TransitionBottom, nameof(LayerSwapOptions.TransitionBottom));
        ArgumentOutOfRangeException.ThrowIfNegative(options.TransitionTop, nameof(LayerSwapOptions.TransitionTop));
        ArgumentNullException.ThrowIfNull(options.Weights, nameof(LayerSwapOptions.Weights));
        _options = options;
    }

    public string Name => "layer_swap";

    public string Settings => ToString();

    public IEnumerable<(string Name, object Value)> Parameters =>
    [
        ("bottom", (double)_options.Bottom), ("top", (double)_options.Top), ("transition_bottom", (double)_options.TransitionBottom), ("transition_top", (double)_options.TransitionTop),
        .. Policies(("embeddings", _options.Embeddings), ("norm", _options.Norm), ("head", _options.Head), ("others", _options.Others)),
        .. _options.Weights switch
        {
            TransitionWeights.Fixed pair => (IEnumerable<(string, object)>)[("weight", PerSource.Of(pair.Task, pair.Language))],
            TransitionWeights.ByChange change => [("transition_weights", change.Inverse ? "inversely_proportional" : "proportional")],
            _ => [],
        },
    ];

    public override string ToString() => _options.ToString();

    public TensorOperation Bind(TensorContext tensor)
    {
        if (tensor.SourceCount != 2)
        {
            throw new MergeException($"layer_swap needs two sources, the task expert and the language expert; this merge has {tensor.SourceCount}.");
        }

        TensorPlace place = tensor.Place;
        if (place.InMainStack || place.Layer is null)
        {
            // Other stacks, such as those of images, have their own layers, which are not swapped.
            Check(place.LayerCount);
        }

        return place.InMainStack ? Layer(tensor, place.Layer!.Value, place.LayerCount) : Outside(tensor, place);
    }

    private void Check(int layers)
    {
        (int b, int u, int tb, int tu) = (_options.Bottom, _options.Top, _options.TransitionBottom, _options.TransitionTop);
        if (layers == 0)
        {
            throw new MergeException("layer_swap: no layers were found in the tensors' names, so there is nothing to swap.");
        }

        if ((long)b + u + tb + tu > layers)
        {
            throw new MergeException($"layer_swap: bottom {b} + top {u} + transitions {tb} and {tu} make {(long)b + u + tb + tu} layers, but the model has {layers}. "
                + "Remedy: choose smaller numbers of bottom, top and transition layers, or the preset paper-scaled.");
        }
    }

    private TensorOperation Layer(TensorContext tensor, int layer, int layers) =>
        layer < _options.Bottom || layer >= layers - _options.Top ? TensorOperation.Take(Language)
        : layer >= _options.Bottom + _options.TransitionBottom && layer < layers - _options.Top - _options.TransitionTop ? TensorOperation.Take(Task)
        : Average(tensor);

    private TensorOperation Outside(TensorContext tensor, TensorPlace place)
    {
        OutsidePolicy policy = place.Layer is not null || place.InTower ? _options.Others : place.Kind switch
        {
            TensorKind.Embedding => _options.Embeddings,
            TensorKind.Norm => _options.Norm,
            TensorKind.Head => _options.Head,
            _ => _options.Others,
        };
        return policy switch
        {
            OutsidePolicy.Task => TensorOperation.Take(Task),
            OutsidePolicy.Language => TensorOperation.Take(Language),
            OutsidePolicy.Base when tensor.HasBase => TensorOperation.Take(TensorOperation.Base),
            OutsidePolicy.Base => throw new MergeException("layer_swap: parameters outside the layers are to come from the base, but there is none. Remedy: give a base (--base, base_model in a recipe), or choose another policy."),
            _ => Average(tensor),
        };
    }

    private TensorOperation Average(TensorContext tensor) => _options.Weights switch
    {
        TransitionWeights.Fixed pair => WeightedAverage.Of(Name, [pair.Task, pair.Language], normalize: true),
        TransitionWeights.ByChange by when tensor.HasBase => new ChangeWeightedAverage(by.Inverse),
        _ => throw new MergeException("layer_swap: weights by each expert's change need a base to measure from. Remedy: give a base (--base, base_model in a recipe), or a pair of weights."),
    };

    private static IEnumerable<(string, object)> Policies(params (string Name, OutsidePolicy Policy)[] policies) =>
        policies.Where(p => p.Policy != default).Select(p => (p.Name, (object)p.Policy.ToString().ToLowerInvariant()));
}
