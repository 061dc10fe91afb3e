using LayerSwap.Checkpoints.Sharding;
using LayerSwap.Files;
using LayerSwap.Planning;
using LayerSwap.Streaming;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LayerSwap.Execution;

/// <summary>Works a plan into a workspace and publishes it whole.</summary>
internal static partial class MergeExecutor
{
    /// <summary>Writes what lies beside the weights, and gives the names.</summary>
    private delegate List<string> Beside(MergePlan plan, Workspace space, MadeTensor[] made);

    public static MergeResult Execute(MergePlan plan, string path, SaveOptions options, CancellationToken cancellation) =>
        Run(plan, path, options, (p, space, made) => WriteBeside(p, space, options.Files, made), cancellation);

    /// <summary>Works one part of a plan into the folder where finishing looks for it.</summary>
    public static MergeResult ExecutePart(MergePlan plan, string path, MergePart part, SaveOptions options, CancellationToken cancellation)
    {
        string target = OutputPath.Require(path, mayReplace: true, plan.Request.Inputs), folder = PartFolders.Of(target, part);
        bool finished = Workspace.Occupied(target) && FinishedRun.Record(plan, target) is not null;
        if (Workspace.Occupied(target) && !finished && !options.Overwrite)
        {
            throw OutputPath.NotEmpty(path);
        }

        MergePlan own = part.Of(plan);
        if (finished || own.Shards.Count == 0)
        {
            return new MergeResult { Path = finished ? target : folder, Files = [], Tensors = 0, Bytes = 0, NonFinite = [], Elapsed = TimeSpan.Zero, Plan = own };
        }

        if (Workspace.Occupied(folder) && FinishedRun.Record(own, folder) is null)
        {
            throw PartFolders.Other(target, part);
        }

        // A part that is this plan's, but whose files are not what its record says any more, is made again.
        return Run(own, folder, options with { Resume = true, Overwrite = true }, (p, space, made) =>
        {
            RemoveOthers(p, space, options.Files);
            return WriteRecord(p, space, options.Files, made);
        }, cancellation);
    }

    private static MergeResult Run(MergePlan plan, string path, SaveOptions options, Beside beside, CancellationToken cancellation)
    {
        ILogger logger = options.Logger ?? NullLogger.Instance;
        ProgressMeter meter = new(options.Progress, plan.ReadBytes + plan.WriteBytes);
        NonFiniteTally tally = new(options.RefuseNonFinite);
        cancellation.ThrowIfCancellationRequested();
        string target = OutputPath.Require(path, options.Overwrite || options.Resume, plan.Request.Inputs);
        InputGuard.RequireUnchanged(plan.Request.Inputs);
        foreach (string warning in plan.Warnings)
        {
            LogWarning(logger, warning);
        }

        IReadOnlyList<string>? files = options.Resume ? FinishedRun.Find(plan, target, options, cancellation) : null;
        if (files is not null)
        {
            LogAlreadyThere(logger, target);
        }

        files ??= Work(plan, path, target, options, beside, meter, tally, logger, cancellation);

        meter.Finish();
        MergeResult result = new()
        {
            Path = target,
            Files = files,
            Tensors = plan.Tensors.Count,
            Bytes = plan.WriteBytes,
            NonFinite = tally.Found,
            Elapsed = meter.Elapsed,
            Plan = plan,
        };
        foreach (NonFiniteInput input in result.NonFinite)
        {
            LogWarning(logger, input.ToString());
        }

        LogDone(logger, result);
        return result;
    }

    private static List<string> Work(MergePlan plan, string path, string target, SaveOptions options, Beside beside, ProgressMeter meter, NonFiniteTally tally, ILogger logger, CancellationToken cancellation)
    {
        using Workspace space = Workspace.Open(target, plan, options);
        LogStart(logger, plan.Tensors.Count, plan.Files.Count, plan.Request.Threads, space.Model, space.Journal.Done.Count);
        LogBlocks(logger, plan);
        try
        {
            space.Keep = options.KeepPartial || options.Resume;
            List<string> files = [.. plan.Files];
            using (ShardFiles shards = new(options.Files, space.Model, plan.Shards))
            {
                MadeTensor[] made = WriteTensors(plan, space.Journal, shards, options, meter, tally, cancellation);
                files.AddRange(beside(plan, space, made));
                InputGuard.RequireUnchanged(plan.Request.Inputs);
                if (options.Durable)
                {
                    shards.Sync();
                }
            }

            cancellation.ThrowIfCancellationRequested();
            space.Publish();
            return files;
        }
        catch (InputChangedException)
        {
            // What was done of an input that changed is of no use to anybody.
            space.Keep = false;
            throw;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw space.Published ? Workspace.FailedAfter(path, e) : Workspace.Failed(path, e, plan.WriteBytes, space.Keep && space.Resumable ? space.Folder : null);
        }
    }

    private static MadeTensor[] WriteTensors(MergePlan plan, Journal journal, ShardFiles shards, SaveOptions options, ProgressMeter meter, NonFiniteTally tally, CancellationToken cancellation)
    {
        Pump pump = new(new Crew(plan.Request.Threads, cancellation));
        TensorWriter writer = new(pump, plan.Request.BlockElements, (tensor, offset, bytes) => shards.Write(tensor.File, bytes, tensor.Offset + offset), tally, meter);
        MadeTensor[] made = new MadeTensor[plan.Tensors.Count];
        Dictionary<int, MadeTensor> claimed = new(journal.Done);
        pump.Crew.Run(plan.Tensors.Count, (worker, job) =>
        {
            int index = (int)job;
            PlannedTensor tensor = plan.Tensors[index];
            if (claimed.TryGetValue(index, out MadeTensor? claim) && shards.Checksum(pump, worker, tensor) == claim.Checksum)
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

            made[index] = new MadeTensor(checksum, (tensor.Work as TensorWork.Compute)?.Merge.Detail ?? tensor.Detail);
            journal.Finished(index, checksum, made[index].Detail);
        });
        return made;
    }

    /// <summary>All that lies beside the weights of a whole model.</summary>
    public static List<string> WriteBeside(MergePlan plan, Workspace space, IFileOperations operations, MadeTensor[] made)
    {
        RemoveOthers(plan, space, operations);
        List<string> files = [];
        foreach (CompanionFile companion in CompanionFiles.Of(plan.Request, plan.ConfigChanges))
        {
            files.Add(Create(space, operations, companion.Name, companion.Make()));
        }

        files.Add(Create(space, operations, ModelCard.FileName, ModelCard.Write(plan, Path.GetFileName(space.Target))));
        return [.. files, .. WriteRecord(plan, space, operations, made)];
    }

    /// <summary>The record, and the index where there are several files: all that a part has beside its weights.</summary>
    private static List<string> WriteRecord(MergePlan plan, Workspace space, IFileOperations operations, MadeTensor[] made)
    {
        string record = Create(space, operations, MergeRecord.FileName, MergeRecord.Write(plan, made));
        return plan.Shards.Count == 1 ? [record]
            : [record, Create(space, operations, ShardIndex.FileName, ShardIndexWriter.Write(plan.Tensors.Select(t => KeyValuePair.Create(t.Tensor.Name, t.File)), plan.Tensors.Sum(t => t.Tensor.ByteLength)))];
    }

    /// <summary>What an earlier run wrote beside the weights before it ended.</summary>
    private static void RemoveOthers(MergePlan plan, Workspace space, IFileOperations operations)
    {
        foreach (string left in Directory.EnumerateFiles(space.Model).Where(f => !plan.Files.Contains(Path.GetFileName(f), StringComparer.Ordinal)))
        {
            operations.DeleteFile(left);
        }
    }

    private static string Create(Workspace space, IFileOperations operations, string name, byte[] bytes)
    {
        WholeFile.Create(operations, Path.Combine(space.Model, name), bytes);
        return name;
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

    [LoggerMessage(Level = LogLevel.Information, Message = "Done: {Result}")]
    private static partial void LogDone(ILogger logger, MergeResult result);
}
