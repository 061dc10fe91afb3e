using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>Finds that an output is complete already: it has the record that the plan would write, every byte is as the record says, and the inputs give these bytes.</summary>
internal static class ExistingOutput
{
    /// <summary>Finds a complete output, or a complete part.</summary>
    /// <param name="plan">What it should be.</param>
    /// <param name="folder">Where.</param>
    /// <param name="kind">Which files it has beside the weights.</param>
    /// <param name="compute">Whether to compute the merge and compare, where the record cannot tell whether the inputs are still the same.</param>
    /// <param name="tally">Counts NaNs and infinities, if the merge is computed.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <param name="damage">What is wrong with an output that this merge made; null if it is another merge's, or complete.</param>
    /// <returns>The record; null if the output is not there, is damaged, or is not what the plan would make.</returns>
    public static Manifest? Find(MergePlan plan, string folder, OutputKind kind, bool compute, NonFiniteTally tally, CancellationToken cancellation, out string? damage)
    {
        damage = null;
        if (Record(plan, folder, kind) is not { } record)
        {
            return null;
        }

        damage = Verifier.FindDamage(folder, record, new ProgressMeter(null, 0), cancellation);
        return damage is null && (!compute || HasSameTimes(plan, record) || Computes(plan, record, tally, cancellation)) ? record : null;
    }

    /// <summary>Reads the record of an output, or a part, if it is the one that the plan would write. Times of inputs are not compared.</summary>
    public static Manifest? Record(MergePlan plan, string folder, OutputKind kind)
    {
        Manifest? read;
        try
        {
            read = Manifest.TryRead(folder);
        }
        catch (CheckpointException)
        {
            // What cannot be read is not what the plan would write.
            return null;
        }

        if (read is null || (read.Facts is not null && !MergeFingerprint.DifferInTimesOnly(read.Facts, MergeFingerprint.Of(plan))))
        {
            return null;
        }

        // A detail that only the work brings out is the record's word: it is a remark on the tensor, whose bytes are compared with their checksum.
        TensorResult[] made = [.. plan.Tensors.Select(t => new TensorResult(read.Tensors.GetValueOrDefault(t.Tensor.Name), read.Details.GetValueOrDefault(t.Tensor.Name, "")))];
        ManifestFile[] others = [.. OutputFiles.Of(plan, kind).Select(f => ManifestFile.Of(f.Name, f.Make()))];
        return ManifestWriter.Write(plan, made, others, read.Facts).AsSpan().SequenceEqual(read.Bytes) ? read : null;
    }

    /// <summary>Whether the inputs still have the contents that a part was made of: they are the same files at the same times, or, if only times differ, they give the same bytes.</summary>
    public static bool HasSameContents(MergePlan plan, Manifest record, CancellationToken cancellation) =>
        HasSameTimes(plan, record) || Computes(plan, record, new NonFiniteTally(refuse: false), cancellation);

    private static bool HasSameTimes(MergePlan plan, Manifest record) => record.Facts is { } facts && MergeFingerprint.Differences(facts, MergeFingerprint.Of(plan)) is null;

    /// <summary>Computes the merge, writes nothing, and compares every tensor with the record: only this tells whether inputs of the same size still have the same contents.</summary>
    private static bool Computes(MergePlan plan, Manifest record, NonFiniteTally tally, CancellationToken cancellation)
    {
        BlockStreamer pump = new(new WorkerPool(plan.Request.Threads, cancellation));
        TensorWriter writer = new(pump, plan.Request.BlockElements, (_, _, _) => { }, tally, new ProgressMeter(null, 0));
        bool same = true;
        pump.Crew.Run(plan.Tensors.Count, (worker, index) =>
        {
            PlannedTensor tensor = plan.Tensors[(int)index];
            if (Volatile.Read(ref same) && writer.Work(worker, tensor) != record.Tensors[tensor.Tensor.Name])
            {
                Volatile.Write(ref same, false);
            }
        });
        return same;
    }
}
