using LayerSwap.Execution;

namespace LayerSwap;

/// <summary>Puts plans to work.</summary>
public static class MergePlanExtensions
{
    /// <summary>
    /// Works a plan: writes into a staging folder beside the target, and gives it the target's name when everything is whole. Cancelled or failed, nothing is left.
    /// </summary>
    /// <param name="plan">The plan; its inputs must still be open.</param>
    /// <param name="path">The output folder: not there yet, or empty, unless the options allow overwriting.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="OutputException">The output exists, there is no room, or it could not be written.</exception>
    /// <exception cref="InputChangedException">An input changed while it was read.</exception>
    /// <exception cref="MergeException">A tensor that is never averaged differs between the inputs.</exception>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    public static Task<MergeResult> ExecuteAsync(this MergePlan plan, string path, SaveOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Task.Run(() => MergeExecutor.Execute(plan, path, options ?? new(), cancellationToken), cancellationToken);
    }

    /// <summary>
    /// The plan as a checkpoint: what is read of it is computed at that moment, and nothing is written. It can be looked at, evaluated, or merged again; the bytes are those that saving would
    /// write. It is a view: its inputs must stay open, and disposing it closes none.
    /// </summary>
    /// <param name="plan">The plan.</param>
    public static ICheckpoint AsCheckpoint(this MergePlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return new ComputedCheckpoint(plan);
    }
}
