namespace LayerSwap.Merging;

/// <summary>Asks for the cut after the <paramref name="Rank"/> first elements of a ranking.</summary>
internal readonly record struct RankRequest(int Ranking, long Rank);

/// <summary>Bounds between which the key of a cut is looked for, both included.</summary>
internal readonly record struct KeyBounds(ulong Low, ulong High);
