namespace LayerSwap.Merging;

/// <summary>Asks for the cut after the <paramref name="Rank"/> first elements of a ranking, or after a share of those whose key is not zero.</summary>
internal sealed record RankRequest(int Ranking, long Rank, double? Share = null)
{
    /// <summary>The cut after <c>int(share * n)</c> elements, n those whose key is not zero. Where there are none, nothing is within.</summary>
    public static RankRequest OfNonZero(int ranking, double share) => new(ranking, -1, share);

    /// <summary>The same by rank, once it is known how many keys are not zero.</summary>
    public RankRequest Among(long nonZero) => Share is { } share ? new(Ranking, (long)(share * nonZero)) : this;
}

/// <summary>Bounds between which the key of a cut is looked for, both included.</summary>
internal sealed record KeyBounds(ulong Low, ulong High)
{
    /// <summary>All keys lie between them.</summary>
    public static KeyBounds None { get; } = new(0, long.MaxValue);
}

/// <summary>A cut, and the energies within it of the rows beside the keys; null where there are no rows, or nothing or everything is within.</summary>
internal sealed record MeasuredCut(Cut Cut, double[]? Energies = null);
