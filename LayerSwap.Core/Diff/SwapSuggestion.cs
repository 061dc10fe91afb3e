namespace LayerSwap;

/// <summary>
/// What layer swapping two experts' changes speak for: which one's outer layers, and how many. For each layer <c>r = log(change in one / change in the other)</c>, changes being mean
/// absolute ones; a candidate cuts the layers into outside and inside, and its score is the share of the variance of r that the two means explain (least squares with one step at each end).
/// </summary>
public sealed partial record SwapSuggestion
{
    /// <summary>Whether the changes have a structure that speaks for a swap; without one only the reason and, where cuts were tried, the candidates and the best score say something.</summary>
    public required bool HasStructure { get; init; }

    /// <summary>The model to take the outer layers from; empty without a structure.</summary>
    public required string Outer { get; init; }

    /// <summary>The model to take the middle from; empty without a structure.</summary>
    public required string Inner { get; init; }

    /// <summary>Layers at the bottom from the outer model.</summary>
    public required int Bottom { get; init; }

    /// <summary>Layers at the top from the outer model.</summary>
    public required int Top { get; init; }

    /// <summary>Averaged layers at each seam: 1 where the middle has room, as in the paper, else 0.</summary>
    public required int Transition { get; init; }

    /// <summary>The layers of the models; 0 without a structure.</summary>
    public required int LayerCount { get; init; }

    /// <summary>The best candidate's score, from 0 to 1.</summary>
    public required double Score { get; init; }

    /// <summary>Every candidate with its score, the best first: which model outside, how many bottom and top layers.</summary>
    public required IReadOnlyList<SwapCandidate> Candidates { get; init; }

    /// <summary>Why, in a sentence.</summary>
    public required string Reason { get; init; }

    /// <summary>
    /// The same cut told the other way round, which one that takes layers at one end alone allows: the last three of eight from one model are the first five from the other. Null where layers are
    /// taken at both ends, or nothing is suggested.
    /// </summary>
    public SwapSuggestion? TurnedRound() => !HasStructure || (Bottom > 0 && Top > 0) ? null
        : this with { Outer = Inner, Inner = Outer, Bottom = Bottom > 0 ? 0 : LayerCount - Top, Top = Top > 0 ? 0 : LayerCount - Bottom };

    /// <summary>The suggestion as options of a layer swap with <see cref="Inner"/> as the task expert and <see cref="Outer"/> as the language expert; a seam at an end from which nothing is taken has no transition.</summary>
    /// <exception cref="InvalidOperationException">There is no structure, so nothing is suggested.</exception>
    public LayerSwapOptions ToOptions() => HasStructure
        ? new LayerSwapOptions { Bottom = Bottom, Top = Top, TransitionBottom = Bottom > 0 ? Transition : 0, TransitionTop = Top > 0 ? Transition : 0 }
        : throw new InvalidOperationException(Reason);

    /// <summary>The reason.</summary>
    public override string ToString() => Reason;
}

/// <summary>One way to swap and what speaks for it.</summary>
public sealed record SwapCandidate
{
    /// <summary>The model outside.</summary>
    public required string Outer { get; init; }

    /// <summary>Its layers at the bottom.</summary>
    public required int Bottom { get; init; }

    /// <summary>Its layers at the top.</summary>
    public required int Top { get; init; }

    /// <summary>The share of the variance explained, from 0 to 1; negative where the other model changed more outside.</summary>
    public required double Score { get; init; }
}
