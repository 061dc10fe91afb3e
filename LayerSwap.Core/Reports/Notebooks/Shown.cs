using LayerSwap.Reports.Notebooks;

namespace LayerSwap;

// The types whose values notebooks show as reports.
[TypeFormatterSource(typeof(NotebookFormatters))]
public sealed partial record LayerDiffReport;

[TypeFormatterSource(typeof(NotebookFormatters))]
public sealed partial record MergePlan;

[TypeFormatterSource(typeof(NotebookFormatters))]
public sealed partial record SwapSuggestion;

[TypeFormatterSource(typeof(NotebookFormatters))]
public sealed partial record MergeResult;

[TypeFormatterSource(typeof(NotebookFormatters))]
public sealed partial record VerifyReport;
