using LayerSwap.IO;
using LayerSwap.Planning;
using LayerSwap.Streaming;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LayerSwap.Execution;

/// <summary>Executes a plan in a staging folder, and publishes the complete model.</summary>
internal static partial class MergeExecutor
{
    public static MergeResult Execute(MergePlan plan, string path, SaveOptions options, CancellationToken cancellation) =>
        Run(plan, path, OutputKind.Whole, options, cancellation);

    /// <summary>Executes one part of a plan, into the folder from which <see cref="PartAssembler"/> assembles the output.</summary>
    public static MergeResult ExecutePart(
        MergePlan plan, string path, MergePart part, SaveOptions options, CancellationToken cancellation)
    {
        string target = OutputPath.Require(path, mayReplace: true, plan), folder = PartFolders.Of(target, part);
        PartFolders.RequireNoForeign(target);
        MergePlan partPlan = part.Of(plan);
        // The whole output exists already, and this part of it is what the inputs give now.
        bool assembled = StagingFolder.IsNonEmptyFolder(target)
            && ExistingOutput.ReadManifest(plan, target, OutputKind.Whole) is { } whole
            && Verifier.FindDamage(target, whole, new ProgressMeter(null, 0), cancellation, partPlan.Files) is null
            && ExistingOutput.HasSameContents(partPlan, whole, cancellation);
        if (StagingFolder.IsNonEmptyFolder(target) && !assembled && !options.Overwrite)
        {
            throw OutputErrors.NotEmpty(path);
        }

        if (assembled || partPlan.Shards.Count == 0)
        {
            return new MergeResult
            {
                Path = assembled ? target : folder,
                Files = [],
                Tensors = 0,
                Bytes = 0,
                NonFinite = [],
                Overflows = [],
                Elapsed = TimeSpan.Zero,
                Plan = partPlan,
            };
        }

        if (StagingFolder.IsNonEmptyFolder(folder)
            && (ExistingOutput.ReadManifest(partPlan, folder, OutputKind.Part) is not { } manifest
                || !ExistingOutput.HasSameContents(partPlan, manifest, cancellation)))
        {
            throw PartFolders.OtherMerge(target, part);
        }

        // A damaged part of this plan is computed again.
        return Run(partPlan, folder, OutputKind.Part, options with { Resume = true, Overwrite = true }, cancellation);
    }

    private static MergeResult Run(
        MergePlan plan, string path, OutputKind kind, SaveOptions options, CancellationToken cancellation)
    {
        ILogger logger = options.Logger ?? NullLogger.Instance;
        ProgressMeter meter = new(options.Progress, plan.ReadBytes + plan.WriteBytes);
        NonFiniteCounter tally = new(options.RefuseNonFinite);
        cancellation.ThrowIfCancellationRequested();
        string target = OutputPath.Require(path, options.Overwrite || options.Resume, plan);
        InputChangeCheck.RequireUnchanged(plan);
        foreach (string warning in plan.Warnings)
        {
            LogWarning(logger, warning);
        }

        IReadOnlyList<string>? files = null;
        if (options.Resume && StagingFolder.IsNonEmptyFolder(target))
        {
            if (ExistingOutput.Find(plan, target, kind, compute: true, tally, cancellation, out string? damage) is { } manifest)
            {
                files = FinishPublishing(target, manifest, options);
                LogAlreadyComplete(logger, target);
            }
            else if (damage is not null && !options.Overwrite)
            {
                throw new OutputException(path, $"{Printable.Escape(path)} was made by this merge, but is not as it was written. {damage} "
                    + "Remedy: make it again (Overwrite, --overwrite).");
            }
        }

        files ??= WriteModel(plan, path, target, kind, options, meter, tally, logger, cancellation);

        meter.Finish();
        MergeResult result = new()
        {
            Path = target,
            Files = files,
            Tensors = plan.Tensors.Count,
            Bytes = plan.WriteBytes,
            NonFinite = tally.NonFiniteInputs,
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

    /// <summary>Completes a published output after an interrupted run: syncs its parent folder and deletes the staging folder.</summary>
    /// <returns>The files of the output.</returns>
    /// <exception cref="OutputException">A step failed.</exception>
    public static IReadOnlyList<string> FinishPublishing(string target, Manifest manifest, SaveOptions options)
    {
        try
        {
            if (options.Durable)
            {
                options.Files.SyncFolder(Path.GetDirectoryName(target)!);
            }

            StagingFolder.DeletePartialOutput(target, options.Files, verified: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw OutputErrors.FailedAfterPublishing(target, e);
        }

        return [.. manifest.Files.Select(f => f.Name).Append(ManifestWriter.FileName).Order(StringComparer.Ordinal)];
    }

    private static List<string> WriteModel(
        MergePlan plan,
        string path,
        string target,
        OutputKind kind,
        SaveOptions options,
        ProgressMeter meter,
        NonFiniteCounter tally,
        ILogger logger,
        CancellationToken cancellation)
    {
        // The target is checked again before publishing: a new link may lead to an input.
        void RequireTarget() => OutputPath.Require(target, mayReplace: true, plan);
        using StagingFolder staging = StagingFolder.Open(target, plan, options, OutputFiles.NamesOf(plan, kind), RequireTarget);
        LogStart(logger, plan.Tensors.Count, plan.Files.Count, plan.Request.Threads, staging.ModelPath,
            staging.Journal.FinishedTensors.Count);
        LogBlocks(logger, plan);
        try
        {
            staging.KeepPartial = options.KeepPartial || options.Resume;
            List<string> files = [.. plan.Files];
            using (ShardFiles shards = new(options.Files, staging.ModelPath, plan.Shards))
            {
                TensorResult[] results = WriteTensors(plan, staging.Journal, shards, options, meter, tally, cancellation);
                // Checked before and after, since this step reads auxiliary files of the inputs.
                InputChangeCheck.RequireUnchanged(plan);
                files.AddRange(WriteOtherFiles(plan, staging, options, results, kind));
                InputChangeCheck.RequireUnchanged(plan);
                if (options.Durable)
                {
                    shards.Sync();
                }
            }

            cancellation.ThrowIfCancellationRequested();
            foreach (string foreign in staging.Publish())
            {
                LogForeign(logger, foreign);
            }

            return files;
        }
        catch (InputChangedException)
        {
            // Results computed from a changed input cannot be resumed.
            staging.KeepPartial = false;
            throw;
        }
        catch (InputReadException e)
        {
            throw OutputErrors.ReadFailed(path, e, KeptFolder());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw staging.IsPublished
                ? OutputErrors.FailedAfterPublishing(path, e)
                : OutputErrors.WriteFailed(path, e, plan.WriteBytes, KeptFolder());
        }

        string? KeptFolder() => staging.KeepPartial && staging.CanResume ? staging.Folder : null;
    }

    private static TensorResult[] WriteTensors(
        MergePlan plan,
        Journal journal,
        ShardFiles shards,
        SaveOptions options,
        ProgressMeter meter,
        NonFiniteCounter tally,
        CancellationToken cancellation)
    {
        BlockStreamer streamer = new(new WorkerPool(plan.Request.Threads, cancellation));
        TensorSink sink = (tensor, offset, bytes) => shards.Write(tensor.File, bytes, tensor.Offset + offset);
        TensorWriter writer = new(streamer, plan.Request.BlockElements, sink, tally, meter);
        TensorResult[] results = new TensorResult[plan.Tensors.Count];
        Dictionary<int, TensorResult> earlier = new(journal.FinishedTensors);
        streamer.Pool.Run(plan.Tensors.Count, (worker, job) =>
        {
            int index = (int)job;
            PlannedTensor tensor = plan.Tensors[index];
            if (earlier.TryGetValue(index, out TensorResult? result) && shards.Checksum(streamer, worker, tensor) == result.Checksum)
            {
                results[index] = result;
                meter.Add(tensor.Tensor.ByteLength * (tensor.Work.Operands.Count + 1));
                return;
            }

            ulong checksum = writer.Write(worker, tensor);
            if (options.Durable && shards.Checksum(streamer, worker, tensor) != checksum)
            {
                throw new IOException($"{Printable.Escape(tensor.File)} does not hold what was written to it: "
                    + $"tensor {Printable.Escape(tensor.Tensor.Name)} reads back differently.");
            }

            results[index] = new TensorResult(checksum, (tensor.Work as TensorWork.Compute)?.Operation.Detail ?? tensor.Detail);
            journal.AddFinished(index, checksum, results[index].Detail);
        });
        return results;
    }

    /// <summary>Writes all files but the weights, the manifest last.</summary>
    /// <returns>The names of the files.</returns>
    public static IReadOnlyList<string> WriteOtherFiles(
        MergePlan plan, StagingFolder staging, SaveOptions options, TensorResult[] results, OutputKind kind)
    {
        List<ManifestFile> others = [];
        foreach (AuxiliaryFile file in OutputFiles.Of(plan, kind))
        {
            byte[] bytes = file.Make();
            Create(staging, options.Files, file.Name, bytes);
            others.Add(ManifestFile.Of(file.Name, bytes));
        }

        if (options.Durable)
        {
            IEnumerable<string> folders = others.Select(f => Path.GetDirectoryName(f.Name)!).Where(f => f.Length > 0);
            foreach (string folder in folders.Distinct(StringComparer.Ordinal))
            {
                options.Files.SyncFolder(Path.Combine(staging.ModelPath, folder));
            }
        }

        IReadOnlyList<Fact>? facts = kind == OutputKind.Part ? MergeFingerprint.Of(plan) : null;
        Create(staging, options.Files, ManifestWriter.FileName, ManifestWriter.Write(plan, results, others, facts));
        return [.. others.Select(f => f.Name), ManifestWriter.FileName];
    }

    private static void Create(StagingFolder staging, IFileOperations files, string name, byte[] bytes)
    {
        if (name.Contains('/', StringComparison.Ordinal))
        {
            files.CreateFolder(Path.Combine(staging.ModelPath, Path.GetDirectoryName(name)!));
        }

        // An interrupted run may have written it.
        files.DeleteFile(Path.Combine(staging.ModelPath, name));
        AtomicFile.Create(files, Path.Combine(staging.ModelPath, name), bytes);
    }

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "Merging {Tensors} tensors into {Files} file(s) with {Threads} thread(s), in {Folder}; "
            + "the journal lists {Done} as finished")]
    private static partial void LogStart(ILogger logger, int tensors, int files, int threads, string folder, int done);

    private static void LogBlocks(ILogger logger, MergePlan plan)
    {
        if (!logger.IsEnabled(LogLevel.Debug))
        {
            return;
        }

        PlannedTensor[] computed = [.. plan.Tensors.Where(t => t.Work is TensorWork.Compute or TensorWork.Convert)];
        LogCopied(logger, plan.Tensors.Count - computed.Length, TensorWorkSizes.CopyBlock);
        var countsByBlock = computed.CountBy(t => plan.Request.BlockElements ?? t.Work.BlockLength(t.Tensor.DType));
        foreach (var (elements, tensors) in countsByBlock.OrderBy(b => b.Key))
        {
            LogComputed(logger, tensors, elements);
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Tensors} tensors are copied, {Bytes} bytes at a time")]
    private static partial void LogCopied(ILogger logger, int tensors, int bytes);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Tensors} tensors are computed, {Elements} elements at a time")]
    private static partial void LogComputed(ILogger logger, int tensors, int elements);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Warning}")]
    private static partial void LogWarning(ILogger logger, string warning);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Target} is complete already, and is the output of this merge")]
    private static partial void LogAlreadyComplete(ILogger logger, string target);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Path} is not LayerSwap's, and is not deleted")]
    private static partial void LogForeign(ILogger logger, string path);

    [LoggerMessage(Level = LogLevel.Information, Message = "Done: {Result}")]
    private static partial void LogDone(ILogger logger, MergeResult result);
}
