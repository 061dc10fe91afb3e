namespace LayerSwap;

/// <summary>
/// Parameters of layer swapping (arXiv:2410.01335). With L layers: layers below <see cref="Bottom"/> and from L - <see cref="Top"/> on are
/// the language expert's, the next <see cref="TransitionBottom"/> and <see cref="TransitionTop"/> inwards are averaged, the middle is the task
/// expert's. The four may sum to L, and not to more.
/// </summary>
public sealed record LayerSwapOptions
{
    /// <summary>Layers at the bottom from the language expert; 5 by default, the paper's for 32 layers.</summary>
    public int Bottom { get; init; } = 5;

    /// <summary>Layers at the top from the language expert; 2 by default, the paper's for 32 layers.</summary>
    public int Top { get; init; } = 2;

    /// <summary>Averaged layers above the bottom ones; 1 by default.</summary>
    public int TransitionBottom { get; init; } = 1;

    /// <summary>Averaged layers below the top ones; 1 by default.</summary>
    public int TransitionTop { get; init; } = 1;

    /// <summary>How the experts are weighted where they are averaged; equal by default.</summary>
    public TransitionWeights Weights { get; init; } = TransitionWeights.Equal;

    /// <summary>Token and position embeddings; averaged by default. Tied embeddings take their head with them.</summary>
    public OutsidePolicy Embeddings { get; init; }

    /// <summary>The normalisation after the last layer; averaged by default.</summary>
    public OutsidePolicy Norm { get; init; }

    /// <summary>The output head; averaged by default.</summary>
    public OutsidePolicy Head { get; init; }

    /// <summary>All else outside the main stack of layers (poolers, projectors, vision towers); averaged by default.</summary>
    public OutsidePolicy Others { get; init; }

    /// <summary>The paper's choice for 32 layers: 5 bottom, 2 top, transitions of 1.</summary>
    public static LayerSwapOptions Paper { get; } = new();

    /// <summary>The follow-up's (arXiv:2505.18356) for 32 layers: 6 bottom, 2 top, no transition.</summary>
    public static LayerSwapOptions FollowUp { get; } = new() { Bottom = 6, TransitionBottom = 0, TransitionTop = 0 };

    /// <summary>The paper's choice scaled from 32 layers to another number, each part rounded to the nearest whole number.</summary>
    /// <param name="layers">The model's number of layers, 1 or more.</param>
    public static LayerSwapOptions PaperScaledTo(int layers)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(layers, 1);
        int Scale(int of32) => (int)Math.Round(of32 * layers / 32.0, MidpointRounding.AwayFromZero);
        return new() { Bottom = Scale(5), Top = Scale(2), TransitionBottom = Scale(1), TransitionTop = Scale(1) };
    }

    /// <summary>A preset by name: <c>paper</c>, <c>follow-up</c> or <c>paper-scaled</c>.</summary>
    /// <param name="name">The name, case and all.</param>
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
