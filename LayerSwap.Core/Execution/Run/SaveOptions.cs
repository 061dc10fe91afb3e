using LayerSwap.IO;
using Microsoft.Extensions.Logging;

namespace LayerSwap;

/// <summary>Options for saving a merge.</summary>
public sealed record SaveOptions
{
    /// <summary>Receives the progress; null by default.</summary>
    public IProgress<WorkProgress>? Progress { get; init; }

    /// <summary>Receives log messages; null by default.</summary>
    public ILogger? Logger { get; init; }

    /// <summary>
    /// Whether NaNs and infinities in the inputs of a computed tensor, and results too large for their dtype, end the merge. By default
    /// they are counted and reported in <see cref="MergeResult.NonFinite"/> and <see cref="MergeResult.Overflows"/>.
    /// </summary>
    public bool RefuseNonFinite { get; init; }

    /// <summary>Whether an existing, non-empty output folder is replaced once the new one is complete; false by default.</summary>
    public bool Overwrite { get; init; }

    /// <summary>
    /// Whether to resume an interrupted run of the same merge, or start if there is none; false by default, which refuses a partial output.
    /// Finished tensors are read again and checked, and the output is the same to the byte as that of an uninterrupted run.
    /// </summary>
    public bool Resume { get; init; }

    /// <summary>
    /// Whether the partial output is kept, to be resumed, if the merge is cancelled or fails; false by default. With
    /// <see cref="Resume"/> it is always kept.
    /// </summary>
    public bool KeepPartial { get; init; }

    /// <summary>
    /// Whether every written byte is read back and compared, and every file synced to its device, before the output is published; true by
    /// default. If false, a power failure soon after the merge may damage the output.
    /// </summary>
    public bool Durable { get; init; } = true;

    /// <summary>The file system. Tests replace it with one that fails.</summary>
    internal IFileOperations Files { get; init; } = SystemFiles.Instance;
}
