namespace LayerSwap;

/// <summary>The delta of one model over a tensor, a layer or a component. Means are over all elements of the entry.</summary>
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

    /// <summary>The rank within the model by the report's metric; 1 has the largest delta.</summary>
    public required int Rank { get; init; }

    /// <summary>mean abs(D), where D = W_tuned - W_base.</summary>
    public required double MeanAbsolute { get; init; }

    /// <summary>mean abs(D) over two-dimensional weights only, the paper's measure; NaN if there is none.</summary>
    public required double MatrixMeanAbsolute { get; init; }

    /// <summary>mean abs(D) / mean abs(W_base); infinite if only the base is zero.</summary>
    public required double RelativeMeanAbsolute { get; init; }

    /// <summary>norm(D).</summary>
    public required double L2 { get; init; }

    /// <summary>norm(D) / norm(W_base); infinite if only the base is zero.</summary>
    public required double RelativeL2 { get; init; }

    /// <summary>The cosine between W_base and W_tuned, from -1 to 1; NaN if one is zero.</summary>
    public required double Cosine { get; init; }

    /// <summary>max abs(D).</summary>
    public required double MaxAbsolute { get; init; }

    /// <summary>The share of elements whose bits differ, from 0 to 1.</summary>
    public required double Changed { get; init; }

    /// <summary>sum abs(D) of the entry / sum abs(D) of the model, from 0 to 1 (as in arXiv:2601.22620).</summary>
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

/// <summary>The agreement of the deltas of two models, over a tensor, a layer or a component.</summary>
public sealed record DiffPair
{
    /// <summary>The first model.</summary>
    public required string A { get; init; }

    /// <summary>The second model.</summary>
    public required string B { get; init; }

    /// <summary>The tensor, the layer (<c>model.layers.3</c>) or the component.</summary>
    public required string Name { get; init; }

    /// <summary>The layer's number, or null outside the layers and for components.</summary>
    public int? Layer { get; init; }

    /// <summary>The cosine between the two deltas, from -1 to 1; NaN if one is zero.</summary>
    public required double Cosine { get; init; }

    /// <summary>The share of elements whose two deltas have opposite signs, from 0 to 1.</summary>
    public required double SignConflict { get; init; }

    /// <summary>
    /// The share of the most changed rows that both models have in common, from 0 to 1; by chance about 0.1.
    /// Most changed is the tenth of a two-dimensional weight's rows with the largest row_mav, without rows that did not change.
    /// NaN without profiles, or if nothing changed.
    /// </summary>
    public required double RowOverlap { get; init; }
}
