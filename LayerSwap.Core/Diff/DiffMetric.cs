namespace LayerSwap;

/// <summary>How a change from the base to a fine-tuned model is measured. W is the base's tensor, D = W_tuned - W.</summary>
public enum DiffMetric
{
    /// <summary>The mean absolute change (MAV): mean abs(D).</summary>
    MeanAbsolute,

    /// <summary>mean abs(D) / mean abs(W).</summary>
    RelativeMeanAbsolute,

    /// <summary>norm(D), Euclidean.</summary>
    L2,

    /// <summary>norm(D) / norm(W).</summary>
    RelativeL2,

    /// <summary>The cosine between W and W_tuned; the smaller, the larger the change.</summary>
    Cosine,

    /// <summary>The share of elements whose bits differ.</summary>
    Changed,
}

/// <summary>What the entries of a diff stand for.</summary>
public enum LayerGrouping
{
    /// <summary>One entry a layer, and one for each component outside the layers.</summary>
    Layer,

    /// <summary>One entry for each component, over all layers.</summary>
    Component,

    /// <summary>One entry a tensor.</summary>
    Tensor,
}
