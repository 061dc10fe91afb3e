using Microsoft.Extensions.Logging;

namespace LayerSwap;

/// <summary>How a merge is saved.</summary>
public sealed record SaveOptions
{
    /// <summary>Told how far the work has come; null (the default) for nobody.</summary>
    public IProgress<WorkProgress>? Progress { get; init; }

    /// <summary>Told what happens; null (the default) for nobody.</summary>
    public ILogger? Logger { get; init; }

    /// <summary>Whether NaNs and infinities in the inputs of a computed tensor end the merge; by default they are counted and told: <see cref="MergeResult.NonFinite"/>.</summary>
    public bool RefuseNonFinite { get; init; }

    /// <summary>Whether an existing, non-empty output folder is replaced, once the new one is whole; false by default.</summary>
    public bool Overwrite { get; init; }
}
