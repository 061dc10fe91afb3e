using LayerSwap.Execution;

namespace LayerSwap;

public sealed partial record MergePlan
{
    /// <summary>
    /// Executes the plan: writes into a staging folder next to the target, and renames it when everything is complete.
    /// After a cancellation or an error nothing remains.
    /// </summary>
    /// <param name="path">The output folder: absent or empty, unless the options allow overwriting.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="OutputException">The output exists, there is no room, or it could not be written.</exception>
    /// <exception cref="InputChangedException">An input changed while it was read.</exception>
    /// <exception cref="MergeException">A tensor that is never averaged differs between the inputs.</exception>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    public MergeResult Execute(string path, SaveOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return MergeExecutor.Execute(this, path, options ?? new(), cancellationToken);
    }

    /// <inheritdoc cref="Execute"/>
    public Task<MergeResult> ExecuteAsync(string path, SaveOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Task.Run(() => Execute(path, options, cancellationToken), cancellationToken);
    }

    /// <summary>
    /// Executes one part of the plan: parts run in any order, on any machine that shares the file system, with the same plan of the same
    /// inputs. An interrupted part is resumed; a complete one is verified. <see cref="Assemble"/> makes one output of all parts, with the
    /// bytes that <see cref="Execute"/> writes.
    /// </summary>
    /// <param name="path">The output folder of the whole.</param>
    /// <param name="part">The part.</param>
    /// <param name="options">
    /// Null for the defaults. <see cref="SaveOptions.Resume"/> and <see cref="SaveOptions.KeepPartial"/> always apply.
    /// </param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The part's files, in a folder of their own; none if the part owns no file.</returns>
    /// <exception cref="OutputException">The part is being executed elsewhere, there is no room, or it could not be written.</exception>
    /// <exception cref="InputChangedException">An input changed while it was read.</exception>
    /// <exception cref="MergeException">A tensor that is never averaged differs between the inputs.</exception>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    public MergeResult ExecutePart(
        string path, MergePart part, SaveOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(part);
        return MergeExecutor.ExecutePart(this, path, part, options ?? new(), cancellationToken);
    }

    /// <inheritdoc cref="ExecutePart"/>
    public Task<MergeResult> ExecutePartAsync(
        string path, MergePart part, SaveOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(part);
        return Task.Run(() => ExecutePart(path, part, options, cancellationToken), cancellationToken);
    }

    /// <summary>
    /// Makes one output of the parts that <see cref="ExecutePart"/> has written. Their files are not copied;
    /// the rest of the parts is removed. A second call does no harm.
    /// </summary>
    /// <param name="path">The output folder.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The whole; non-finite values were reported by the parts.</returns>
    /// <exception cref="OutputException">A part is missing or of another merge, the output exists, or it could not be written.</exception>
    /// <exception cref="InputChangedException">An input changed since it was opened.</exception>
    public MergeResult Assemble(string path, SaveOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return PartAssembler.Assemble(this, path, options ?? new(), cancellationToken);
    }

    /// <inheritdoc cref="Assemble"/>
    public Task<MergeResult> AssembleAsync(string path, SaveOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Task.Run(() => Assemble(path, options, cancellationToken), cancellationToken);
    }

    /// <summary>
    /// Makes a checkpoint of the plan whose tensors are computed when they are read. It can be inspected, evaluated or merged again.
    /// Its bytes equal the saved output. It is a view: its inputs must stay open, and disposing it closes none of them.
    /// </summary>
    public ICheckpoint AsCheckpoint() => new ComputedCheckpoint(this);
}
