namespace LayerSwap.Merging;

/// <summary>
/// The last element within a rank. Elements are ranked by <see cref="SortKey"/>, largest first; equal keys by index, lowest first.
/// </summary>
internal readonly record struct RankThreshold(ulong Key, long Index)
{
    /// <summary>The threshold that includes no element.</summary>
    public static RankThreshold None { get; } = new(ulong.MaxValue, -1);

    /// <summary>The threshold that includes every element.</summary>
    public static RankThreshold All { get; } = new(0, long.MaxValue);

    public double Value => BitConverter.UInt64BitsToDouble(Key);

    public bool Includes(ulong key, long index) => key > Key || (key == Key && index <= Index);

    /// <summary>Gets the lowest key that is included at an index; null if none is.</summary>
    public ulong? LowestIncludedKey(long index) => index <= Index ? Key : Key < long.MaxValue ? Key + 1 : null;

    /// <summary>Counts the next elements, 1 to <paramref name="most"/>, with the same <see cref="LowestIncludedKey"/>.</summary>
    public int CountAlike(long index, int most) => index <= Index ? (int)Math.Min(most - 1, Index - index) + 1 : most;
}

/// <summary>
/// A request for the threshold after the first <paramref name="Rank"/> elements of a ranking, or after a share of the elements with
/// non-zero keys.
/// </summary>
internal sealed record RankRequest(int Ranking, long Rank, double? Share = null)
{
    /// <summary>Requests the threshold after <c>int(share * n)</c> elements, n the number of non-zero keys.</summary>
    public static RankRequest ForNonZeroShare(int ranking, double share) => new(ranking, -1, share);

    /// <summary>Resolves a share to a rank.</summary>
    public RankRequest ResolveShare(long nonZero) => Share is { } share ? new(Ranking, (long)(share * nonZero)) : this;
}

/// <summary>Inclusive bounds on the key of a threshold.</summary>
internal sealed record KeyBounds(ulong Low, ulong High)
{
    /// <summary>The bounds that contain all keys.</summary>
    public static KeyBounds None { get; } = new(0, long.MaxValue);
}
