namespace LayerSwap;

/// <summary>
/// The mean absolute deltas of each row and each column of a two-dimensional weight: the strips of the paper's picture
/// (arXiv:2410.01335). For weights W (out, in) and D = W_tuned - W_base, <c>row_mav[i]</c> is the mean over j of abs(D[i,j]), and
/// <c>col_mav[j]</c> is the mean over i.
/// </summary>
public sealed record TensorProfile
{
    /// <summary>The model, by the name it was opened under.</summary>
    public required string Model { get; init; }

    /// <summary>The tensor.</summary>
    public required string Name { get; init; }

    /// <summary>The tensor's stack of layers, or null outside the layers.</summary>
    public string? Stack { get; init; }

    /// <summary>The layer's number, or null outside the layers.</summary>
    public int? Layer { get; init; }

    /// <summary>The component, over whose tensors quantiles are pooled.</summary>
    public required string Component { get; init; }

    /// <summary>row_mav, of each row.</summary>
    public required IReadOnlyList<double> Rows { get; init; }

    /// <summary>col_mav, of each column.</summary>
    public required IReadOnlyList<double> Columns { get; init; }

    /// <summary>The attention heads of the weight, by config.json; empty without heads, or if config.json does not fit.</summary>
    public required IReadOnlyList<HeadChange> Heads { get; init; }
}

/// <summary>The delta of the rows (of an output projection: the columns) of one attention head.</summary>
public sealed record HeadChange
{
    /// <summary><c>q</c>, <c>k</c>, <c>v</c>, <c>o</c>, or <c>qkv</c> if a weight interleaves the three by head.</summary>
    public required string Part { get; init; }

    /// <summary>The head's number within the part, from 0. With grouped-query attention <c>k</c> and <c>v</c> have fewer heads.</summary>
    public required int Head { get; init; }

    /// <summary>The sum of row_mav (of <c>o</c>: col_mav) over the head's rows (columns).</summary>
    public required double Sum { get; init; }
}
