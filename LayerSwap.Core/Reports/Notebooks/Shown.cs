using LayerSwap.Reports.Notebooks;

namespace LayerSwap;

// Results know nothing of their reports: that notebooks show them is said here.
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
