namespace LayerSwap;

/// <summary>Parameters of the Karcher mean.</summary>
public sealed record KarcherOptions
{
    /// <summary>The most iterations; 10 by default. 1 or more.</summary>
    public int MaxIterations { get; init; } = 10;

    /// <summary>The length of a step that ends the iteration, and below which norms and angles count as zero; 1e-5 by default. Above 0.</summary>
    public double Tolerance { get; init; } = 1e-5;
}
