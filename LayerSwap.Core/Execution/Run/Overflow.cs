namespace LayerSwap;

/// <summary>Results of finite inputs that are too large for the output's dtype: infinity, or NaN if the dtype has none.</summary>
public sealed record Overflow
{
    /// <summary>The tensor of the output.</summary>
    public required string Tensor { get; init; }

    /// <summary>The dtype of the tensor.</summary>
    public required DType DType { get; init; }

    /// <summary>The number of elements.</summary>
    public required long Count { get; init; }

    /// <summary>Formats the finding as one line of text.</summary>
    public override string ToString() => $"{Printable.Escape(Tensor)} has {Count} element(s) that are too large for {DType.Code()}, "
        + "and written as infinity or NaN: choose a dtype of a wider range";
}
