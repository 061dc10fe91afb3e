namespace LayerSwap;

/// <summary>Parameters of task arithmetic.</summary>
public sealed record TaskArithmeticOptions
{
    /// <summary>The scale of the summed changes (lambda in recipes); 1 by default. Finite.</summary>
    public Schedule Scale { get; init; } = 1;

    /// <summary>Whether the sum is divided by the sum of the weights, where that is not nearly zero (1e-8); false by default.</summary>
    public bool Normalize { get; init; }
}
