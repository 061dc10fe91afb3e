namespace LayerSwap.Diff;

/// <summary>The names of metrics in tables, reports and on the command line.</summary>
internal static class DiffMetricNames
{
    public static string Of(DiffMetric metric) => metric switch
    {
        DiffMetric.MeanAbsolute => "mav",
        DiffMetric.RelativeMeanAbsolute => "relative-mav",
        DiffMetric.L2 => "l2",
        DiffMetric.RelativeL2 => "relative-l2",
        DiffMetric.Cosine => "cosine",
        _ => "changed",
    };

    /// <summary>Returns the formula of <see cref="DeltaTotal.Magnitude"/> and its unit.</summary>
    public static string Title(DiffMetric metric) => metric switch
    {
        DiffMetric.MeanAbsolute => "mean |W \u2212 W_base|, in the weights\u2019 unit",
        DiffMetric.RelativeMeanAbsolute => "mean |W \u2212 W_base| / mean |W_base|",
        DiffMetric.L2 => "norm of W \u2212 W_base, in the weights\u2019 unit",
        DiffMetric.RelativeL2 => "norm of W \u2212 W_base / norm of W_base",
        DiffMetric.Cosine => "1 \u2212 cosine of W and W_base",
        _ => "share of elements that changed",
    };
}
