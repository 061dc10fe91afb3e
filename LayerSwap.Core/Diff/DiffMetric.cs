namespace LayerSwap;

/// <summary>A measure of the delta between base and fine-tuned model. W is the base's tensor, D = W_tuned - W.</summary>
public enum DiffMetric
{
    /// <summary>mean abs(D), the mean absolute value (MAV) of the delta.</summary>
    MeanAbsolute,

    /// <summary>mean abs(D) / mean abs(W).</summary>
    RelativeMeanAbsolute,

    /// <summary>norm(D), Euclidean.</summary>
    L2,

    /// <summary>norm(D) / norm(W).</summary>
    RelativeL2,

    /// <summary>The cosine between W and W_tuned. A smaller cosine is a larger delta.</summary>
    Cosine,

    /// <summary>The share of elements whose bits differ.</summary>
    Changed,
}

/// <summary>The unit of a diff's entries.</summary>
public enum LayerGrouping
{
    /// <summary>One entry for each layer, and for each component outside the layers.</summary>
    Layer,

    /// <summary>One entry for each component, summed over all layers.</summary>
    Component,

    /// <summary>One entry for each tensor.</summary>
    Tensor,
}
