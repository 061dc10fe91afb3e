using LayerSwap.Diff;

namespace LayerSwap;

/// <summary>
/// Measures what fine-tuning changed: <c>LayerDiff.From(base).To(experts)</c>. One streaming pass over the base and all experts. An
/// immutable builder: every method returns a new one.
/// </summary>
public sealed class LayerDiff
{
    private readonly DiffRequest _request;

    private LayerDiff(DiffRequest request) => _request = request;

    /// <summary>Starts a diff from the base, the model that was fine-tuned.</summary>
    public static LayerDiff From(ICheckpoint @base)
    {
        ArgumentNullException.ThrowIfNull(@base);
        return new(new DiffRequest(
            @base, [], LayerGrouping.Layer, DiffMetric.MeanAbsolute, WithProfiles: false, Environment.ProcessorCount));
    }

    /// <summary>Adds models that were fine-tuned from the base; at least one is needed.</summary>
    public LayerDiff To(params IReadOnlyList<ICheckpoint> models)
    {
        ArgumentNullException.ThrowIfNull(models);
        return new(_request with { Models = [.. _request.Models, .. models] });
    }

    /// <summary>Sets what an entry of the report covers; a layer by default.</summary>
    public LayerDiff GroupBy(LayerGrouping grouping) => new(_request with { GroupedBy = grouping });

    /// <summary>Sets the metric that entries are ranked by; the mean absolute delta by default.</summary>
    public LayerDiff RankBy(DiffMetric metric) => new(_request with { RankedBy = metric });

    /// <summary>
    /// Also measures every row and column of every two-dimensional weight: <see cref="LayerDiffReport.Profiles"/>, thresholds, attention
    /// heads, the overlap of two models' rows, and the strips of the HTML report. Needs 8 bytes for each row and column of each model: 50
    /// MB for two experts of 8 billion parameters.
    /// </summary>
    public LayerDiff WithProfiles() => new(_request with { WithProfiles = true });

    /// <summary>Sets the number of threads; all processors by default. The result does not depend on it.</summary>
    /// <param name="threads">From 1 to 1024.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is out of range.</exception>
    public LayerDiff OnThreads(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, 1024);
        return new(_request with { Threads = threads });
    }

    /// <summary>Reads all tensors once and measures the deltas.</summary>
    /// <param name="progress">Receives the progress of reading; null for none.</param>
    /// <param name="cancellationToken">Cancels the diff.</param>
    /// <exception cref="MergeException">Names or shapes differ, and all differences are listed; or two models have the same
    /// name.</exception>
    /// <exception cref="CheckpointException">Profiles were requested, and the base's config.json cannot be read.</exception>
    /// <exception cref="InvalidOperationException">No model was named.</exception>
    /// <exception cref="OperationCanceledException">The diff was cancelled.</exception>
    public LayerDiffReport Run(IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) =>
        _request.Models.Count == 0
        ? throw new InvalidOperationException("A diff needs a model to compare with the base: name one by To.")
        : DiffRunner.Run(_request, progress, cancellationToken);

    /// <inheritdoc cref="Run"/>
    public Task<LayerDiffReport> RunAsync(IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => Run(progress, cancellationToken), cancellationToken);
}
