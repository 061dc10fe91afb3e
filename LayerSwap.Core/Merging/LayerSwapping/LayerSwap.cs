using LayerSwap.Merging;

namespace LayerSwap;

/// <summary>
/// Parameters of layer swapping (arXiv:2410.01335). Of L layers, those below <see cref="Bottom"/> and from L - <see cref="Top"/> on are the
/// language expert's. The next <see cref="TransitionBottom"/> and <see cref="TransitionTop"/> inwards are averaged. The middle is the task
/// expert's. The four numbers may sum to at most L.
/// </summary>
public sealed record LayerSwapOptions
{
    /// <summary>The number of bottom layers from the language expert, 0 or more; 5 by default, the paper's for 32 layers.</summary>
    public int Bottom { get; init; } = 5;

    /// <summary>The number of top layers from the language expert, 0 or more; 2 by default, the paper's for 32 layers.</summary>
    public int Top { get; init; } = 2;

    /// <summary>The number of averaged layers above the bottom ones, 0 or more; 1 by default.</summary>
    public int TransitionBottom { get; init; } = 1;

    /// <summary>The number of averaged layers below the top ones, 0 or more; 1 by default.</summary>
    public int TransitionTop { get; init; } = 1;

    /// <summary>The weights of the experts in averaged layers; equal by default.</summary>
    public TransitionWeights Weights { get; init; } = TransitionWeights.Equal;

    /// <summary>The policy for token and position embeddings; averaged by default. Also applies to a tied head.</summary>
    public OutsidePolicy Embeddings { get; init; }

    /// <summary>The policy for the normalisation after the last layer; averaged by default.</summary>
    public OutsidePolicy Norm { get; init; }

    /// <summary>The policy for the output head; averaged by default.</summary>
    public OutsidePolicy Head { get; init; }

    /// <summary>
    /// The policy for all other tensors outside the main stack (poolers, projectors, vision towers); averaged by default.
    /// </summary>
    public OutsidePolicy Others { get; init; }

    /// <summary>The paper's parameters for 32 layers: 5 bottom, 2 top, transitions of 1.</summary>
    public static LayerSwapOptions Paper { get; } = new();

    /// <summary>The parameters of the follow-up paper (arXiv:2505.18356) for 32 layers: 6 bottom, 2 top, no transition.</summary>
    public static LayerSwapOptions FollowUp { get; } = new() { Bottom = 6, TransitionBottom = 0, TransitionTop = 0 };

    /// <summary>Scales the paper's parameters from 32 layers to another number, each rounded to the nearest integer.</summary>
    /// <param name="layers">The model's number of layers, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 1.</exception>
    public static LayerSwapOptions PaperScaledTo(int layers)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(layers, 1);
        int Scale(int of32) => (int)Math.Round(of32 * layers / 32.0, MidpointRounding.AwayFromZero);
        return new() { Bottom = Scale(5), Top = Scale(2), TransitionBottom = Scale(1), TransitionTop = Scale(1) };
    }

    /// <summary>Gets a preset by name: <c>paper</c>, <c>follow-up</c> or <c>paper-scaled</c>.</summary>
    /// <param name="name">The name, case-sensitive.</param>
    /// <param name="layers">The model's number of layers, used by <c>paper-scaled</c>.</param>
    /// <exception cref="ArgumentException">There is no preset of this name.</exception>
    public static LayerSwapOptions Preset(string name, int layers) => name switch
    {
        "paper" => Paper,
        "follow-up" => FollowUp,
        "paper-scaled" => PaperScaledTo(layers),
        _ => throw new ArgumentException($"There is no preset {name}; there are paper, follow-up and paper-scaled.", nameof(name)),
    };
}

/// <summary>The policy for parameters outside the layers. The paper does not specify it; averaging is the default here.</summary>
public enum OutsidePolicy
{
    /// <summary>The weighted average of the two experts.</summary>
    Average,

    /// <summary>The task expert's bytes.</summary>
    Task,

    /// <summary>The language expert's bytes.</summary>
    Language,

    /// <summary>The base's bytes; needs a base.</summary>
    Base,
}

public static partial class MergeStrategies
{
    /// <summary>
    /// Layer swapping (Bandarkar et al., arXiv:2410.01335). Source 0 is the task expert, source 1 the language expert. A base is used only
    /// where the options need it.
    /// </summary>
    /// <param name="options">Null for the paper's: 5 bottom and 2 top layers, 1 transition layer at each seam.</param>
    /// <exception cref="ArgumentException">A number is negative, or the weights are null.</exception>
    public static IMergeStrategy LayerSwap(LayerSwapOptions? options = null) => new LayerSwapStrategy(options ?? new());
}

/// <summary>Takes the outer layers from the language expert and the middle from the task expert, and averages the transitions.</summary>
internal sealed class LayerSwapStrategy : MethodStrategy<LayerSwapOptions>
{
    private const int Task = 0, Language = 1;

    private static readonly string[] Policies = ["average", "task", "language", "base"];

    private static readonly TransitionWeights[] ByWord =
        [TransitionWeights.Equal, TransitionWeights.Proportional, TransitionWeights.InverselyProportional];

    public static readonly MethodDescriptor<LayerSwapOptions> Descriptor = new MethodDescriptor<LayerSwapOptions>(
        "layer_swap",
        "Outer layers from the language expert, the middle from the task expert, a transition between.",
        new(),
        o => new LayerSwapStrategy(o))
    {
        UsesWeights = true,
        IsWholeModel = true,
        Weights = o => o.Weights is TransitionWeights.Fixed pair && pair != TransitionWeights.Equal
            ? PerSource.Of(pair.Task, pair.Language)
            : null,
    }
    .Whole("bottom", "Layers at the bottom from the language expert; 0 or more.", 0, o => o.Bottom, (o, v) => o with { Bottom = v })
    .Whole("top", "Layers at the top from the language expert; 0 or more.", 0, o => o.Top, (o, v) => o with { Top = v })
    .Shorthand(
        "transition", "Averaged layers at each seam, both at once; 0 or more.", 1,
        (o, v) => o with { TransitionBottom = v, TransitionTop = v })
    .Whole(
        "transition_bottom", "Averaged layers above the bottom ones; 0 or more.", 0, o => o.TransitionBottom,
        (o, v) => o with { TransitionBottom = v })
    .Whole(
        "transition_top", "Averaged layers below the top ones; 0 or more.", 0, o => o.TransitionTop, (o, v) => o with { TransitionTop = v })
    .Word(
        "embeddings", "Which expert gives the embeddings.", Policies, o => (int)o.Embeddings,
        (o, v) => o with { Embeddings = (OutsidePolicy)v })
    .Word("norm", "Which expert gives the final norm.", Policies, o => (int)o.Norm, (o, v) => o with { Norm = (OutsidePolicy)v })
    .Word("head", "Which expert gives the output head.", Policies, o => (int)o.Head, (o, v) => o with { Head = (OutsidePolicy)v })
    .Word(
        "others", "Which expert gives all else outside the layers.", Policies, o => (int)o.Others,
        (o, v) => o with { Others = (OutsidePolicy)v })
    .Word(
        "transition_weights",
        "How the experts are weighted where they are averaged.",
        ["equal", "proportional", "inversely_proportional"],
        o => Array.IndexOf(ByWord, o.Weights),
        (o, v) => o with { Weights = ByWord[v] });

    public LayerSwapStrategy(LayerSwapOptions options)
        : base(Descriptor, options)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(options.Bottom, nameof(LayerSwapOptions.Bottom));
        ArgumentOutOfRangeException.ThrowIfNegative(options.Top, nameof(LayerSwapOptions.Top));
        ArgumentOutOfRangeException.ThrowIfNegative(options.TransitionBottom, nameof(LayerSwapOptions.TransitionBottom));
        ArgumentOutOfRangeException.ThrowIfNegative(options.TransitionTop, nameof(LayerSwapOptions.TransitionTop));
        ArgumentNullException.ThrowIfNull(options.Weights, nameof(LayerSwapOptions.Weights));
    }

    public override TensorOperation Bind(TensorContext tensor)
    {
        if (tensor.SourceCount != 2)
        {
            throw new MergeException("layer_swap needs two sources, the task expert and the language expert; "
                + $"this merge has {tensor.SourceCount}.");
        }

        TensorPlace place = tensor.Place;
        if (place.InMainStack || place.Layer is null)
        {
            // Layers of other stacks, such as vision towers, are not swapped.
            Check(place.LayerCount);
        }

        return place.InMainStack ? Layer(tensor, place.Layer!.Value, place.LayerCount) : Outside(tensor, place);
    }

    private void Check(int layers)
    {
        (int b, int u, int tb, int tu) = (Options.Bottom, Options.Top, Options.TransitionBottom, Options.TransitionTop);
        if (layers == 0)
        {
            throw new MergeException("layer_swap: no layers were found in the tensors' names, so there is nothing to swap.");
        }

        if ((long)b + u + tb + tu > layers)
        {
            throw new MergeException($"layer_swap: bottom {b} + top {u} + transitions {tb} and {tu} make {(long)b + u + tb + tu} layers, "
                + $"but the model has {layers}. "
                + "Remedy: choose smaller numbers of bottom, top and transition layers, or the preset paper-scaled.");
        }
    }

    private TensorOperation Layer(TensorContext tensor, int layer, int layers)
    {
        if (layer < Options.Bottom || layer >= layers - Options.Top)
        {
            return TensorOperation.Take(Language);
        }

        bool isMiddle = layer >= Options.Bottom + Options.TransitionBottom && layer < layers - Options.Top - Options.TransitionTop;
        return isMiddle ? TensorOperation.Take(Task) : Average(tensor);
    }

    private TensorOperation Outside(TensorContext tensor, TensorPlace place)
    {
        OutsidePolicy policy = place.Layer is not null || place.InTower ? Options.Others : place.Kind switch
        {
            TensorKind.Embedding => Options.Embeddings,
            TensorKind.Norm => Options.Norm,
            TensorKind.Head => Options.Head,
            _ => Options.Others,
        };
        return policy switch
        {
            OutsidePolicy.Task => TensorOperation.Take(Task),
            OutsidePolicy.Language => TensorOperation.Take(Language),
            OutsidePolicy.Base when tensor.HasBase => TensorOperation.Take(TensorOperation.Base),
            OutsidePolicy.Base => throw new MergeException("layer_swap: parameters outside the layers are to come from the base, "
                + "but there is none. Remedy: give a base (--base, base_model in a recipe), or choose another policy."),
            _ => Average(tensor),
        };
    }

    private TensorOperation Average(TensorContext tensor) => Options.Weights switch
    {
        _ when Options.Weights == TransitionWeights.Equal => WeightedAverage.Of(Name, [.. tensor.Weights], normalize: true),
        TransitionWeights.Fixed pair => WeightedAverage.Of(Name, [pair.Task, pair.Language], normalize: true),
        TransitionWeights.ByDelta by when tensor.HasBase => new DeltaWeightedAverage(by.Inverse),
        _ => throw new MergeException("layer_swap: weights by each expert's change need a base to measure from. "
            + "Remedy: give a base (--base, base_model in a recipe), or a pair of weights."),
    };
}
