namespace LayerSwap.Merging;

/// <summary>
/// The last element within a rank. Elements are ranked by <see cref="SortKey"/>, the largest first, equal keys by index, the lowest first.
/// </summary>
internal readonly record struct RankThreshold(ulong Key, long Index)
{
    /// <summary>No element is within.</summary>
    public static RankThreshold None { get; } = new(ulong.MaxValue, -1);

    /// <summary>Every element is within.</summary>
    public static RankThreshold All { get; } = new(0, long.MaxValue);

    public double Value => BitConverter.UInt64BitsToDouble(Key);

    public bool Includes(ulong key, long index) => key > Key || (key == Key && index <= Index);

    /// <summary>Gets the lowest key that is within at an index; null if none is.</summary>
    public ulong? LowestWithin(long index) => index <= Index ? Key : Key < long.MaxValue ? Key + 1 : null;

    /// <summary>Counts the next elements, one or more, for which <see cref="LowestWithin"/> is the same.</summary>
    public int Alike(long index, int most) => index <= Index ? (int)Math.Min(most - 1, Index - index) + 1 : most;
}

/// <summary>
/// A request for the threshold after the first <paramref name="Rank"/> elements of a ranking, or after a share of those whose key is not
/// zero.
/// </summary>
internal sealed record RankRequest(int Ranking, long Rank, double? Share = null)
{
    /// <summary>
    /// Requests the threshold after <c>int(share * n)</c> elements, n the number of non-zero keys. If that is 0, no element is within.
    /// </summary>
    public static RankRequest OfNonZero(int ranking, double share) => new(ranking, -1, share);

    /// <summary>Resolves a share to a rank.</summary>
    public RankRequest Among(long nonZero) => Share is { } share ? new(Ranking, (long)(share * nonZero)) : this;
}

/// <summary>Inclusive bounds on the key of a threshold.</summary>
internal sealed record KeyBounds(ulong Low, ulong High)
{
    /// <summary>The bounds that hold all keys.</summary>
    public static KeyBounds None { get; } = new(0, long.MaxValue);
}
