namespace LayerSwap;

/// <summary>NaNs and infinities found in an input of a computed tensor.</summary>
public sealed record NonFiniteInput
{
    /// <summary>The tensor of the output.</summary>
    public required string Tensor { get; init; }

    /// <summary>The input model.</summary>
    public required string Model { get; init; }

    /// <summary>The number of elements.</summary>
    public required long Count { get; init; }

    /// <summary>Formats the finding as one line of text.</summary>
    public override string ToString() => $"{Printable.Escape(Tensor)} has {Count} NaN or infinite element(s) in {Printable.Escape(Model)}";
}
