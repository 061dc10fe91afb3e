namespace LayerSwap;

/// <summary>Results of finite inputs that an output's dtype has no room for: they are written as infinity, or as NaN where the dtype has no infinity.</summary>
public sealed record Overflow
{
    /// <summary>The tensor of the output.</summary>
    public required string Tensor { get; init; }

    /// <summary>Its dtype.</summary>
    public required DType DType { get; init; }

    /// <summary>How many elements.</summary>
    public required long Count { get; init; }

    /// <summary>A line for people.</summary>
    public override string ToString() => $"{Printable.Escape(Tensor)} has {Count} element(s) that are too large for {DType.Code()}, and written as infinity or NaN: choose a dtype of a wider range";
}
