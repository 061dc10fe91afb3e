namespace LayerSwap;

/// <summary>The kind of a finding that argues against a merge, or should be known before it.</summary>
public enum DiffFindingKind
{
    /// <summary>A model or the base has NaN or infinities.</summary>
    NotFinite,

    /// <summary>A model equals the base, bit for bit.</summary>
    EqualToBase,

    /// <summary>One or two models seem to be fine-tuned from another base.</summary>
    OtherBase,

    /// <summary>Two models have equal deltas.</summary>
    SameModel,

    /// <summary>The distance between two experts is large: layer swapping and averages need light fine-tuning (arXiv:2410.01335).</summary>
    FarApart,

    /// <summary>Some layers of a fine-tuned model equal the base's.</summary>
    UnchangedLayers,

    /// <summary>All two-dimensional weights of some layers are zero.</summary>
    DeadLayers,
}

/// <summary>A finding with its reason.</summary>
public sealed record DiffFinding
{
    /// <summary>The kind of finding.</summary>
    public required DiffFindingKind Kind { get; init; }

    /// <summary>The models concerned; the base may be one.</summary>
    public required IReadOnlyList<string> Models { get; init; }

    /// <summary>The layers concerned, by number in the main stack; empty for a whole model.</summary>
    public required IReadOnlyList<int> Layers { get; init; }

    /// <summary>The finding and why it matters.</summary>
    public required string Message { get; init; }

    /// <summary>Returns the message.</summary>
    public override string ToString() => Message;
}
