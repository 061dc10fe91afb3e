namespace LayerSwap;

/// <summary>Parameters of RAM and RAM+.</summary>
public sealed record RamOptions
{
    /// <summary>The magnitude above which an element counts as changed; 1e-5 by default. 0 or more.</summary>
    public double Epsilon { get; init; } = 1e-5;
}

/// <summary>Parameters of RAM+ (ramplus_tl).</summary>
public sealed record RamPlusOptions
{
    /// <summary>The magnitude above which an element counts as changed; 1e-5 by default. Above 0.</summary>
    public double Epsilon { get; init; } = 1e-5;

    /// <summary>How strongly a source's own part is scaled up; 0.1 by default. Finite.</summary>
    public double R { get; init; } = 0.1;

    /// <summary>The most that the ratio of shared to own elements counts; 0.2 by default. 0 or more.</summary>
    public double Alpha { get; init; } = 0.2;
}
