using LayerSwap.IO;
using LayerSwap.Planning;
using LayerSwap.Streaming;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LayerSwap.Execution;

/// <summary>Carries out a plan in a staging folder, and publishes the model whole.</summary>
internal static partial class MergeExecutor
{
    public static MergeResult Execute(MergePlan plan, string path, SaveOptions options, CancellationToken cancellation) => Run(plan, path, OutputKind.Whole, options, cancellation);

    /// <summary>Works one part of a plan into the folder where finishing looks for it.</summary>
    public static MergeResult ExecutePart(MergePlan plan, string path, MergePart part, SaveOptions options, CancellationToken cancellation)
    {
        string target = OutputPath.Require(path, mayReplace: true, plan), folder = PartFolders.Of(target, part);
        PartFolders.RequireOwn(target);
        MergePlan own = part.Of(plan);
        // Finished before, and this part of it is what the inputs give now.
        bool finished = StagingFolder.Occupied(target) && ExistingOutput.Record(plan, target, OutputKind.Whole) is { } whole
            && Verifier.FindDamage(target, whole, meter: new ProgressMeter(null, 0), cancellation, own.Files) is null && ExistingOutput.HasSameContents(own, whole, cancellation);
        if (StagingFolder.Occupied(target) && !finished && !options.Overwrite)
        {
            throw OutputErrors.NotEmpty(path);
        }

        if (finished || own.Shards.Count == 0)
        {
            return new MergeResult { Path = finished ? target : folder, Files = [], Tensors = 0, Bytes = 0, NonFinite = [], Overflows = [], Elapsed = TimeSpan.Zero, Plan = own };
        }

        if (StagingFolder.Occupied(folder) && (ExistingOutput.Record(own, folder, OutputKind.Part) is not { } record || !ExistingOutput.HasSameContents(own, record, cancellation)))
        {
            throw PartFolders.Other(target, part);
        }

        // A part that is this plan's, but whose files are not what its record says any more, is made again.
        return Run(own, folder, OutputKind.Part, options with { Resume = true, Overwrite = true }, cancellation);
    }

    private static MergeResult Run(MergePlan plan, string path, OutputKind kind, SaveOptions options, CancellationToken cancellation)
    {
        ILogger logger = options.Logger ?? NullLogger.Instance;
        ProgressMeter meter = new(options.Progress, plan.ReadBytes + plan.WriteBytes);
        NonFiniteTally tally = new(options.RefuseNonFinite);
        cancellation.ThrowIfCancellationRequested();
        string target = OutputPath.Require(path, options.Overwrite || options.Resume, plan);
        InputChangeCheck.RequireUnchanged(plan);
        foreach (string warning in plan.Warnings)
        {
            LogWarning(logger, warning);
        }

        IReadOnlyList<string>? files = null;
        if (options.Resume && StagingFolder.Occupied(target))
        {
            if (ExistingOutput.Find(plan, target, kind, compute: true, tally, cancellation, out string? damage) is { } record)
            {
                files = Settle(target, record, options);
                LogAlreadyThere(logger, target);
            }
            else if (damage is not null && !options.Overwrite)
            {
                throw new OutputException(path, $"{Printable.Escape(path)} was made by this merge, but is not as it was written. {damage} Remedy: make it anew (Overwrite, --overwrite).");
            }
        }

        files ??= Work(plan, path, target, kind, options, meter, tally, logger, cancellation);

        meter.Finish();
        MergeResult result = new()
        {
            Path = target,
            Files = files,
            Tensors = plan.Tensors.Count,
            Bytes = plan.WriteBytes,
            NonFinite = tally.Found,
            Overflows = tally.Overflows,
            Elapsed = meter.Elapsed,
            Plan = plan,
        };
        foreach (string warning in result.NonFinite.Select(n => n.ToString()).Concat(result.Overflows.Select(o => o.ToString())))
        {
            LogWarning(logger, warning);
        }

        LogDone(logger, result);
        return result;
    }

    /// <summary>Does what a run that ended just after publishing may not have done: syncs the name, and removes what is left beside the output.</summary>
    /// <returns>The files of the output.</returns>
    /// <exception cref="OutputException">That failed.</exception>
    public static IReadOnlyList<string> Settle(string target, Manifest record, SaveOptions options)
    {
        try
        {
            if (options.Durable)
            {
                options.Files.SyncFolder(Path.GetDirectoryName(target)!);
            }

            StagingFolder.Clean(target, options.Files, verified: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw OutputErrors.FailedAfter(target, e);
        }

        return [.. record.Files.Select(f => f.Name).Append(ManifestWriter.FileName).Order(StringComparer.Ordinal)];
    }

    private static List<string> Work(MergePlan plan, string path, string target, OutputKind kind, SaveOptions options, ProgressMeter meter, NonFiniteTally tally, ILogger logger, CancellationToken cancellation)
    {
        // Published or not, an output is never where an input is: links may have been put in its way meanwhile.
        using StagingFolder space = StagingFolder.Open(target, plan, options, OutputFiles.NamesOf(plan, kind), () => OutputPath.Require(target, mayReplace: true, plan));
        LogStart(logger, plan.Tensors.Count, plan.Files.Count, plan.Request.Threads, space.Model, space.Journal.Done.Count);
        LogBlocks(logger, plan);
        try
        {
            space.Keep = options.KeepPartial || options.Resume;
            List<string> files = [.. plan.Files];
            using (ShardFiles shards = new(options.Files, space.Model, plan.Shards))
            {
                TensorResult[] made = WriteTensors(plan, space.Journal, shards, options, meter, tally, cancellation);
                // Also before they are read: what has appeared is none of the files that were to be made.
                InputChangeCheck.RequireUnchanged(plan);
                files.AddRange(WriteOthers(plan, space, options, made, kind));
                InputChangeCheck.RequireUnchanged(plan);
                if (options.Durable)
                {
                    shards.Sync();
                }
            }

            cancellation.ThrowIfCancellationRequested();
            foreach (string left in space.Publish())
            {
                LogLeft(logger, left);
            }

            return files;
        }
        catch (InputChangedException)
        {
            // What was done of an input that changed is of no use to anybody.
            space.Keep = false;
            throw;
        }
        catch (InputReadException e)
        {
            throw OutputErrors.ReadFailed(path, e, space.Keep && space.Resumable ? space.Folder : null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw space.Published ? OutputErrors.FailedAfter(path, e) : OutputErrors.Failed(path, e, plan.WriteBytes, space.Keep && space.Resumable ? space.Folder : null);
        }
    }

    private static TensorResult[] WriteTensors(MergePlan plan, Journal journal, ShardFiles shards, SaveOptions options, ProgressMeter meter, NonFiniteTally tally, CancellationToken cancellation)
    {
        BlockStreamer pump = new(new WorkerPool(plan.Request.Threads, cancellation));
        TensorWriter writer = new(pump, plan.Request.BlockElements, (tensor, offset, bytes) => shards.Write(tensor.File, bytes, tensor.Offset + offset), tally, meter);
        TensorResult[] made = new TensorResult[plan.Tensors.Count];
        Dictionary<int, TensorResult> claimed = new(journal.Done);
        pump.Crew.Run(plan.Tensors.Count, (worker, job) =>
        {
            int index = (int)job;
            PlannedTensor tensor = plan.Tensors[index];
            if (claimed.TryGetValue(index, out TensorResult? claim) && shards.Checksum(pump, worker, tensor) == claim.Checksum)
            {
                made[index] = claim;
                meter.Add(tensor.Tensor.ByteLength * (tensor.Work.Operands.Count + 1));
                return;
            }

            ulong checksum = writer.Work(worker, tensor);
            if (options.Durable && shards.Checksum(pump, worker, tensor) != checksum)
            {
                throw new IOException($"{Printable.Escape(tensor.File)} does not hold what was written to it: tensor {Printable.Escape(tensor.Tensor.Name)} reads back differently.");
            }

            made[index] = new TensorResult(checksum, (tensor.Work as TensorWork.Compute)?.Merge.Detail ?? tensor.Detail);
            journal.Finished(index, checksum, made[index].Detail);
        });
        return made;
    }

    /// <summary>Writes all that lies beside the weights, the record last.</summary>
    /// <returns>The names.</returns>
    public static IReadOnlyList<string> WriteOthers(MergePlan plan, StagingFolder space, SaveOptions options, TensorResult[] made, OutputKind kind)
    {
        List<ManifestFile> others = [];
        foreach (AuxiliaryFile file in OutputFiles.Of(plan, kind))
        {
            byte[] bytes = file.Make();
            Create(space, options.Files, file.Name, bytes);
            others.Add(ManifestFile.Of(file.Name, bytes));
        }

        foreach (string folder in options.Durable ? others.Select(f => Path.GetDirectoryName(f.Name)!).Where(f => f.Length > 0).Distinct(StringComparer.Ordinal) : [])
        {
            options.Files.SyncFolder(Path.Combine(space.Model, folder));
        }

        Create(space, options.Files, ManifestWriter.FileName, ManifestWriter.Write(plan, made, others, kind == OutputKind.Part ? MergeFingerprint.Of(plan) : null));
        return [.. others.Select(f => f.Name), ManifestWriter.FileName];
    }

    private static void Create(StagingFolder space, IFileOperations operations, string name, byte[] bytes)
    {
        if (name.Contains('/', StringComparison.Ordinal))
        {
            operations.CreateFolder(Path.Combine(space.Model, Path.GetDirectoryName(name)!));
        }

        // An earlier run may have written it before it ended.
        operations.DeleteFile(Path.Combine(space.Model, name));
        WholeFile.Create(operations, Path.Combine(space.Model, name), bytes);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Merging {Tensors} tensors into {Files} file(s) with {Threads} thread(s), made in {Folder}; {Done} are said to be done already")]
    private static partial void LogStart(ILogger logger, int tensors, int files, int threads, string folder, int done);

    /// <summary>How much is worked at a time.</summary>
    private static void LogBlocks(ILogger logger, MergePlan plan)
    {
        if (!logger.IsEnabled(LogLevel.Debug))
        {
            return;
        }

        PlannedTensor[] computed = [.. plan.Tensors.Where(t => t.Work is TensorWork.Compute or TensorWork.Convert)];
        int taken = plan.Tensors.Count - computed.Length;
        LogTaken(logger, taken, TensorWorkSizes.CopyBlock);
        foreach (var (elements, tensors) in computed.CountBy(t => plan.Request.BlockElements ?? t.Work.BlockFor(t.Tensor.DType)).OrderBy(b => b.Key))
        {
            LogComputed(logger, tensors, elements);
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Tensors} tensors are taken as they are, {Bytes} bytes at a time")]
    private static partial void LogTaken(ILogger logger, int tensors, int bytes);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Tensors} tensors are computed, {Elements} elements at a time")]
    private static partial void LogComputed(ILogger logger, int tensors, int elements);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Warning}")]
    private static partial void LogWarning(ILogger logger, string warning);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Target} is complete already, and what this merge would make")]
    private static partial void LogAlreadyThere(ILogger logger, string target);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Path} is not LayerSwap's, and stays")]
    private static partial void LogLeft(ILogger logger, string path);

    [LoggerMessage(Level = LogLevel.Information, Message = "Done: {Result}")]
    private static partial void LogDone(ILogger logger, MergeResult result);
}
