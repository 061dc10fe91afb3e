using LayerSwap.Streaming;
namespace LayerSwap;

/// <summary>
/// How far each row and each column of a two-dimensional weight moved: the strips of the paper's picture (arXiv:2410.01335). For a weight W of out x in elements and D = W_tuned - W_base,
/// <c>row_mav[i]</c> is the mean over j of abs(D[i,j]) and <c>col_mav[j]</c> that over i.
/// </summary>
public sealed record TensorProfile
{
    /// <summary>The model, by the name it was opened under.</summary>
    public required string Model { get; init; }

    /// <summary>The tensor.</summary>
    public required string Name { get; init; }

    /// <summary>The stack of layers it belongs to, or null outside the layers.</summary>
    public string? Stack { get; init; }

    /// <summary>The layer's number, or null outside the layers.</summary>
    public int? Layer { get; init; }

    /// <summary>The component: its kind, over which quantiles are pooled.</summary>
    public required string Component { get; init; }

    /// <summary>row_mav, one for each row.</summary>
    public required IReadOnlyList<double> Rows { get; init; }

    /// <summary>col_mav, one for each column.</summary>
    public required IReadOnlyList<double> Columns { get; init; }

    /// <summary>The attention heads of the weight, by config.json's counts; empty where it has none, or where there is no config.json that fits it.</summary>
    public required IReadOnlyList<HeadChange> Heads { get; init; }
}

/// <summary>How far the rows (of an output projection: the columns) that belong to one attention head moved.</summary>
public sealed record HeadChange
{
    /// <summary><c>q</c>, <c>k</c>, <c>v</c>, <c>o</c>, or <c>qkv</c> where a weight has the three side by side for each head.</summary>
    public required string Part { get; init; }

    /// <summary>The head's number within the part, from 0; with grouped queries <c>k</c> and <c>v</c> have fewer.</summary>
    public required int Head { get; init; }

    /// <summary>The sum of row_mav (of <c>o</c>: col_mav) over what belongs to the head.</summary>
    public required double Sum { get; init; }
}
