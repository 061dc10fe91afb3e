namespace LayerSwap;

/// <summary>
/// The layer swap that the deltas of two experts suggest: which expert's outer layers, and how many.
/// For each layer <c>r = log(delta of one / delta of the other)</c>, with mean absolute deltas. A candidate divides the layers into
/// outer and inner; its score is the share of the variance of r that the two means explain (least squares, one step at each end).
/// A suggestion describes deltas. It does not predict a merge's result: evaluate several candidates, this one among them.
/// </summary>
public sealed partial record SwapSuggestion
{
    /// <summary>Whether the deltas suggest a swap. If not, only the reason, the candidates and the best score have values.</summary>
    public required bool IsConclusive { get; init; }

    /// <summary>The model of the outer layers; empty without a suggestion.</summary>
    public required string Outer { get; init; }

    /// <summary>The model of the middle layers; empty without a suggestion.</summary>
    public required string Inner { get; init; }

    /// <summary>The number of bottom layers from the outer model.</summary>
    public required int Bottom { get; init; }

    /// <summary>The number of top layers from the outer model.</summary>
    public required int Top { get; init; }

    /// <summary>The number of averaged layers at each seam: 1 as in the paper, or 0 if the middle is too small.</summary>
    public required int Transition { get; init; }

    /// <summary>The number of layers of the models; 0 without a suggestion.</summary>
    public required int LayerCount { get; init; }

    /// <summary>The best candidate's score, from 0 to 1.</summary>
    public required double Score { get; init; }

    /// <summary>All candidates, best score first.</summary>
    public required IReadOnlyList<SwapCandidate> Candidates { get; init; }

    /// <summary>The reason, as a sentence.</summary>
    public required string Reason { get; init; }

    /// <summary>
    /// Returns the same swap with the models exchanged: the last three of eight layers from one are the first five from the other.
    /// Null if outer layers are at both ends, or nothing is suggested.
    /// </summary>
    public SwapSuggestion? Inverted()
    {
        if (!IsConclusive || (Bottom > 0 && Top > 0))
        {
            return null;
        }

        int bottom = Bottom > 0 ? 0 : LayerCount - Top, top = Top > 0 ? 0 : LayerCount - Bottom;
        return this with { Outer = Inner, Inner = Outer, Bottom = bottom, Top = top };
    }

    /// <summary>
    /// Returns the options of a layer swap with <see cref="Inner"/> as the task expert and <see cref="Outer"/> as the language expert.
    /// An end without outer layers has no transition.
    /// </summary>
    /// <exception cref="InvalidOperationException">Nothing is suggested.</exception>
    public LayerSwapOptions ToOptions() => IsConclusive
        ? new LayerSwapOptions
        {
            Bottom = Bottom,
            Top = Top,
            TransitionBottom = Bottom > 0 ? Transition : 0,
            TransitionTop = Top > 0 ? Transition : 0,
        }
        : throw new InvalidOperationException(Reason);

    /// <summary>Returns the reason.</summary>
    public override string ToString() => Reason;
}

/// <summary>A possible swap and its score.</summary>
public sealed record SwapCandidate
{
    /// <summary>The model of the outer layers.</summary>
    public required string Outer { get; init; }

    /// <summary>The number of bottom layers from the outer model.</summary>
    public required int Bottom { get; init; }

    /// <summary>The number of top layers from the outer model.</summary>
    public required int Top { get; init; }

    /// <summary>The share of the variance explained, from 0 to 1; negative if the other model has the larger outer deltas.</summary>
    public required double Score { get; init; }
}
