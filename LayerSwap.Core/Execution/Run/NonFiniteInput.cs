namespace LayerSwap;

/// <summary>NaNs and infinities found in an input of a computed tensor.</summary>
public sealed record NonFiniteInput
{
    /// <summary>The tensor of the output.</summary>
    public required string Tensor { get; init; }

    /// <summary>The model they were found in.</summary>
    public required string Model { get; init; }

    /// <summary>How many elements.</summary>
    public required long Count { get; init; }

    /// <summary>A line for people.</summary>
    public override string ToString() => $"{Printable.Escape(Tensor)} has {Count} NaN or infinite element(s) in {Printable.Escape(Model)}";
}
