namespace LayerSwap;

/// <summary>What a diff found that speaks against a merge, or should be known before it.</summary>
public enum DiffVerdictKind
{
    /// <summary>A model, or the base, holds NaN or infinities.</summary>
    NotFinite,

    /// <summary>A model is the base, bit for bit.</summary>
    EqualToBase,

    /// <summary>A model, or two of them, look as if they were fine-tuned from another base.</summary>
    OtherBase,

    /// <summary>Two models changed the base in the same way, element by element.</summary>
    SameModel,

    /// <summary>Two experts lie far apart, measured by the base: layer swapping and averages need light fine-tunings (arXiv:2410.01335).</summary>
    FarApart,

    /// <summary>Layers that fine-tuning left as they were, though it changed others.</summary>
    UnchangedLayers,

    /// <summary>Layers all of whose two-dimensional weights are zero.</summary>
    DeadLayers,
}

/// <summary>One finding, with its reason.</summary>
public sealed record DiffVerdict
{
    /// <summary>What was found.</summary>
    public required DiffVerdictKind Kind { get; init; }

    /// <summary>The models it is about; the base may be one.</summary>
    public required IReadOnlyList<string> Models { get; init; }

    /// <summary>The layers it is about, by number in the main stack; empty for a whole model.</summary>
    public required IReadOnlyList<int> Layers { get; init; }

    /// <summary>What was found and why it matters, in a sentence.</summary>
    public required string Message { get; init; }

    /// <summary>The message.</summary>
    public override string ToString() => Message;
}
