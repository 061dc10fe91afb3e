namespace LayerSwap;

/// <summary>Parameters of multislerp.</summary>
public sealed record MultiSlerpOptions
{
    /// <summary>Whether weights are divided by their sum, which must then not be zero; true by default.</summary>
    public bool NormalizeWeights { get; init; } = true;

    /// <summary>The length below which a mean of directions counts as vanishing; 1e-8 by default. Above 0.</summary>
    public double Epsilon { get; init; } = 1e-8;
}
