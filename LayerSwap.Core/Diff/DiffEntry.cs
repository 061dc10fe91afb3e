namespace LayerSwap;

/// <summary>How far a tensor, a layer or a component moved from the base to one model. Over several tensors all means are over all their elements.</summary>
public sealed record DiffEntry
{
    /// <summary>The model, by the name it was opened under.</summary>
    public required string Model { get; init; }

    /// <summary>The tensor, the layer (<c>model.layers.3</c>) or the component.</summary>
    public required string Name { get; init; }

    /// <summary>The layer's number, or null outside the layers and for components.</summary>
    public int? Layer { get; init; }

    /// <summary>The component, or null for a whole layer.</summary>
    public string? Component { get; init; }

    /// <summary>The number of elements.</summary>
    public required long Parameters { get; init; }

    /// <summary>The place by the report's metric within the model, from 1; 1 changed most.</summary>
    public required int Rank { get; init; }

    /// <summary>mean abs(D).</summary>
    public required double MeanAbsolute { get; init; }

    /// <summary>mean abs(D) over the two-dimensional weights alone, the paper's measure; NaN where there is none.</summary>
    public required double MatrixMeanAbsolute { get; init; }

    /// <summary>mean abs(D) / mean abs(W_base); infinite where only the base is zero.</summary>
    public required double RelativeMeanAbsolute { get; init; }

    /// <summary>norm(D).</summary>
    public required double L2 { get; init; }

    /// <summary>norm(D) / norm(W_base); infinite where only the base is zero.</summary>
    public required double RelativeL2 { get; init; }

    /// <summary>The cosine between W_base and W_tuned, from -1 to 1; NaN where one is zero.</summary>
    public required double Cosine { get; init; }

    /// <summary>max abs(D).</summary>
    public required double MaxAbsolute { get; init; }

    /// <summary>The share of elements whose bits differ, from 0 to 1.</summary>
    public required double Changed { get; init; }

    /// <summary>The share of the model's whole change that lies here: sum abs(D) here / sum abs(D) everywhere, from 0 to 1 (as in arXiv:2601.22620).</summary>
    public required double Share { get; init; }

    /// <summary>The value of one metric.</summary>
    public double this[DiffMetric metric] => metric switch
    {
        DiffMetric.MeanAbsolute => MeanAbsolute,
        DiffMetric.RelativeMeanAbsolute => RelativeMeanAbsolute,
        DiffMetric.L2 => L2,
        DiffMetric.RelativeL2 => RelativeL2,
        DiffMetric.Cosine => Cosine,
        DiffMetric.Changed => Changed,
        _ => throw new ArgumentOutOfRangeException(nameof(metric), metric, "No such metric."),
    };
}

/// <summary>How the changes of two models agree, over a tensor, a layer or a component.</summary>
public sealed record DiffPair
{
    /// <summary>One model.</summary>
    public required string A { get; init; }

    /// <summary>The other.</summary>
    public required string B { get; init; }

    /// <summary>As in <see cref="DiffEntry.Name"/>.</summary>
    public required string Name { get; init; }

    /// <summary>As in <see cref="DiffEntry.Layer"/>.</summary>
    public int? Layer { get; init; }

    /// <summary>The cosine between the two changes, from -1 to 1; NaN where one is zero.</summary>
    public required double Cosine { get; init; }

    /// <summary>The share of elements that both moved, in opposite directions.</summary>
    public required double SignConflict { get; init; }

    /// <summary>
    /// Of each two-dimensional weight's most changed tenth of rows (by row_mav; rows that did not change are not among them), the share that both models have in common, from 0 to 1; chance gives
    /// about a tenth. NaN where profiles were not asked for or nothing changed.
    /// </summary>
    public required double RowOverlap { get; init; }
}
