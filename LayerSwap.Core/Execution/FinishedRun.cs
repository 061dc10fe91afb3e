using LayerSwap.Checkpoints;
using LayerSwap.Files;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>Finds that a run was complete when it ended: its output is there, and only what it was made in may be left.</summary>
internal static class FinishedRun
{
    /// <returns>The files of the output, or null where it is not there, or not what the plan would make.</returns>
    /// <exception cref="OutputException">It is there, and what was left beside it cannot be removed, or its name may not outlast a power failure.</exception>
    public static IReadOnlyList<string>? Find(MergePlan plan, string target, SaveOptions options, CancellationToken cancellation)
    {
        try
        {
            if (!IsMadeBy(plan, target, cancellation))
            {
                return null;
            }
        }
        catch (CheckpointException)
        {
            // What cannot be read is not what the plan would make.
            return null;
        }

        try
        {
            if (options.Durable)
            {
                // The run may have ended before this.
                options.Files.SyncFolder(Path.GetDirectoryName(target)!);
            }

            Workspace.Clean(target);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Workspace.FailedAfter(target, e);
        }

        return [.. Directory.EnumerateFiles(target).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal)];
    }

    /// <summary>The record of an output, where it is the one that the plan would write of inputs that are older.</summary>
    public static RecordReader? Record(MergePlan plan, string target)
    {
        string record = Path.Combine(target, MergeRecord.FileName);
        RecordReader? read;
        try
        {
            read = RecordReader.TryRead(target);
        }
        catch (CheckpointException)
        {
            // What cannot be read is not what the plan would write.
            return null;
        }

        if (read is null)
        {
            return null;
        }

        // A detail that only the work brings out is the record's word: it is a remark on the tensor, whose bytes are held against their checksum.
        MadeTensor[] made = [.. plan.Tensors.Select(t => new MadeTensor(read.Tensors.GetValueOrDefault(t.Tensor.Name), read.Details.GetValueOrDefault(t.Tensor.Name, "")))];
        return MergeRecord.Write(plan, made).AsSpan().SequenceEqual(InputFile.ReadAll(record, RecordReader.Longest)) && !plan.Request.Inputs.SelectMany(i => i.Files).Any(f => IsNewer(f, record)) ? read : null;
    }

    private static bool IsMadeBy(MergePlan plan, string target, CancellationToken cancellation)
    {
        if (Record(plan, target) is not { } read)
        {
            return false;
        }

        using ICheckpoint found = CheckpointFolder.Open(target);
        Pump pump = new(new Crew(plan.Request.Threads, cancellation));
        bool same = found.Tensors.Count == plan.Tensors.Count;
        pump.Crew.Run(same ? plan.Tensors.Count : 0, (worker, index) =>
        {
            TensorInfo tensor = plan.Tensors[(int)index].Tensor;
            if (found.Find(tensor.Name) != tensor || TensorChecksum.Read(pump, worker, found, tensor, _ => { }) != read.Tensors[tensor.Name])
            {
                Volatile.Write(ref same, false);
            }
        });
        return same;
    }

    private static bool IsNewer(CheckpointFile input, string record)
    {
        FileIdentity made = FileIdentity.Of(record);
        return input.Identity is { } identity && (identity.Seconds, identity.Nanoseconds).CompareTo((made.Seconds, made.Nanoseconds)) > 0;
    }
}
