namespace LayerSwap.Analysis;

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
}
