using LayerSwap.Checkpoints.Sharding;
using LayerSwap.Streaming;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LayerSwap.Execution;

/// <summary>Works a plan into a staging folder and publishes it whole.</summary>
internal static partial class MergeExecutor
{
    public static MergeResult Execute(MergePlan plan, string path, SaveOptions options, CancellationToken cancellation)
    {
        ILogger logger = options.Logger ?? NullLogger.Instance;
        ProgressMeter meter = new(options.Progress, plan.ReadBytes + plan.WriteBytes);
        cancellation.ThrowIfCancellationRequested();
        using OutputFolder output = OutputFolder.Create(path, options.Overwrite, plan.WriteBytes, plan.Request.Inputs);
        LogStart(logger, plan.Tensors.Count, plan.Files.Count, plan.Request.Threads, output.Staging);
        foreach (string warning in plan.Warnings)
        {
            LogWarning(logger, warning);
        }

        try
        {
            NonFiniteTally tally = new(options.RefuseNonFinite);
            ulong[] checksums = WriteShards(plan, output.Staging, meter, tally, cancellation);
            List<string> files = [.. plan.Files, .. WriteBeside(plan, output, checksums)];
            cancellation.ThrowIfCancellationRequested();
            output.Publish();
            meter.Finish();
            MergeResult result = new()
            {
                Path = output.Target,
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
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw OutputFolder.Failed(path, e);
        }
    }

    private static ulong[] WriteShards(MergePlan plan, string folder, ProgressMeter meter, NonFiniteTally tally, CancellationToken cancellation)
    {
        using ShardFiles shards = new(folder, plan.Shards);
        Pump pump = new(new Crew(plan.Request.Threads, cancellation));
        TensorWriter writer = new(pump, plan.Request.BlockElements, (tensor, offset, bytes) => shards.Write(tensor.File, bytes, tensor.Offset + offset), tally, meter);
        ulong[] checksums = new ulong[plan.Tensors.Count];
        pump.Crew.Run(plan.Tensors.Count, (worker, index) => checksums[index] = writer.Work(worker, plan.Tensors[(int)index]));
        return checksums;
    }

    private static List<string> WriteBeside(MergePlan plan, OutputFolder output, ulong[] checksums)
    {
        List<string> files = [.. CompanionFiles.Write(plan.Request.Donor, plan.ConfigChanges, output.Staging)];
        void Add(string name, byte[] bytes)
        {
            NewFile.Write(Path.Combine(output.Staging, name), bytes);
            files.Add(name);
        }

        Add(ModelCard.FileName, ModelCard.Write(plan, Path.GetFileName(output.Target)));
        Add(MergeRecord.FileName, MergeRecord.Write(plan, checksums));
        if (plan.Shards.Count > 1)
        {
            Add(ShardIndex.FileName, ShardIndexWriter.Write(plan.Tensors.Select(t => KeyValuePair.Create(t.Tensor.Name, t.File)), plan.Tensors.Sum(t => t.Tensor.ByteLength)));
        }

        return files;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Merging {Tensors} tensors into {Files} file(s) with {Threads} thread(s), staged in {Staging}")]
    private static partial void LogStart(ILogger logger, int tensors, int files, int threads, string staging);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Warning}")]
    private static partial void LogWarning(ILogger logger, string warning);

    [LoggerMessage(Level = LogLevel.Information, Message = "Done: {Result}")]
    private static partial void LogDone(ILogger logger, MergeResult result);
}
