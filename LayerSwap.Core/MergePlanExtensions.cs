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
    /// Works one part of a plan, beside the output's place; any part, in any order, on any machine that shares the file system, each by the same plan of the same inputs. A part that is killed goes
    /// on when it is worked again, one that is done is read again and left. <see cref="FinishAsync"/> makes the output of all of them, the same bytes as <see cref="ExecuteAsync"/> writes.
    /// </summary>
    /// <param name="plan">The whole plan; its inputs must still be open.</param>
    /// <param name="path">The output folder of the whole.</param>
    /// <param name="part">Which part.</param>
    /// <param name="options">Null for the defaults. <see cref="SaveOptions.Resume"/> and <see cref="SaveOptions.KeepPartial"/> always hold.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>What was written: the part's files in a folder of their own. None where the part owns no file.</returns>
    /// <exception cref="OutputException">The part is being worked, there is no room, or it could not be written.</exception>
    /// <exception cref="InputChangedException">An input changed while it was read.</exception>
    /// <exception cref="MergeException">A tensor that is never averaged differs between the inputs.</exception>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    public static Task<MergeResult> WorkPartAsync(this MergePlan plan, string path, MergePart part, SaveOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(part);
        return Task.Run(() => MergeExecutor.ExecutePart(plan, path, part, options ?? new(), cancellationToken), cancellationToken);
    }

    /// <summary>
    /// Makes one output of parts that <see cref="WorkPartAsync"/> has worked. Their files are not copied; what is left of the parts is removed. Done twice it does no harm.
    /// </summary>
    /// <param name="plan">The plan that the parts were worked by; its inputs must still be open.</param>
    /// <param name="path">The output folder.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The whole. What was not finite was told by the parts.</returns>
    /// <exception cref="OutputException">A part is missing or of another merge, the output exists, or it could not be written.</exception>
    /// <exception cref="InputChangedException">An input changed since it was opened.</exception>
    public static Task<MergeResult> FinishAsync(this MergePlan plan, string path, SaveOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Task.Run(() => PartAssembler.Finish(plan, path, options ?? new(), cancellationToken), cancellationToken);
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
