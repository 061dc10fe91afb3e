using LayerSwap.IO;
using Microsoft.Extensions.Logging;

namespace LayerSwap;

/// <summary>How a merge is saved.</summary>
public sealed record SaveOptions
{
    /// <summary>Told how far the work has come; null (the default) for nobody.</summary>
    public IProgress<WorkProgress>? Progress { get; init; }

    /// <summary>Told what happens; null (the default) for nobody.</summary>
    public ILogger? Logger { get; init; }

    /// <summary>Whether NaNs and infinities in the inputs of a computed tensor, and results too large for their dtype, end the merge; by default they are counted and told: <see cref="MergeResult.NonFinite"/>, <see cref="MergeResult.Overflows"/>.</summary>
    public bool RefuseNonFinite { get; init; }

    /// <summary>Whether an existing, non-empty output folder is replaced, once the new one is whole; false by default.</summary>
    public bool Overwrite { get; init; }

    /// <summary>
    /// Whether the work goes on where a run of the same merge ended before its end, or starts if there is none; false by default: what such a run has left is then refused. What it did is
    /// read again before it counts, and the output is that of an undisturbed run to the byte.
    /// </summary>
    public bool Resume { get; init; }

    /// <summary>Whether what is done stays beside the output, to be resumed, when the work is cancelled or fails; false by default. With <see cref="Resume"/> it always stays.</summary>
    public bool KeepPartial { get; init; }

    /// <summary>
    /// Whether everything written is read back and compared, and every file synced to its device, before the output is published; true by default. Without, a power failure soon after
    /// may take what was said to be done.
    /// </summary>
    public bool Durable { get; init; } = true;

    /// <summary>How files are written; tests let it fail.</summary>
    internal IFileOperations Files { get; init; } = SystemFiles.Instance;
}
