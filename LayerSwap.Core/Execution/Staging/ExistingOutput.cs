using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>
/// Finds outputs that are complete already: the manifest is the one that the plan would write, every byte matches its checksums, and the
/// inputs still give these bytes.
/// </summary>
internal static class ExistingOutput
{
    /// <summary>Finds a complete output, or a complete part.</summary>
    /// <param name="plan">The plan of the output.</param>
    /// <param name="folder">The folder of the output.</param>
    /// <param name="kind">The kind of output.</param>
    /// <param name="compute">Whether to compute the merge and compare it, unless the manifest proves that the inputs are unchanged.</param>
    /// <param name="tally">Counts NaNs and infinities, if the merge is computed.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <param name="damage">The damage to an output of this merge; null if the output is complete or of another merge.</param>
    /// <returns>The manifest; null if the output is missing, damaged, or of another merge.</returns>
    public static Manifest? Find(
        MergePlan plan,
        string folder,
        OutputKind kind,
        bool compute,
        NonFiniteCounter tally,
        CancellationToken cancellation,
        out string? damage)
    {
        damage = null;
        if (ReadManifest(plan, folder, kind) is not { } manifest)
        {
            return null;
        }

        damage = Verifier.FindDamage(folder, manifest, new ProgressMeter(null, 0), cancellation);
        if (damage is not null)
        {
            return null;
        }

        bool upToDate = !compute || HasSameFacts(plan, manifest) || ComputesSame(plan, manifest, tally, cancellation);
        return upToDate ? manifest : null;
    }

    /// <summary>Reads the manifest of an output or part, if the plan would write the same. Times of inputs are not compared.</summary>
    public static Manifest? ReadManifest(MergePlan plan, string folder, OutputKind kind)
    {
        Manifest? read;
        try
        {
            read = Manifest.TryRead(folder);
        }
        catch (CheckpointException)
        {
            // An unreadable manifest is not the one that the plan would write.
            return null;
        }

        if (read is null || (read.Facts is not null && !MergeFingerprint.DifferInTimesOnly(read.Facts, MergeFingerprint.Of(plan))))
        {
            return null;
        }

        // Checksums and details are taken from the manifest, since only computing the merge would give them.
        TensorResult[] results =
        [
            .. plan.Tensors.Select(t => t.Tensor.Name)
                .Select(n => new TensorResult(read.Tensors.GetValueOrDefault(n), read.Details.GetValueOrDefault(n, ""))),
        ];
        ManifestFile[] others = [.. OutputFiles.Of(plan, kind).Select(f => ManifestFile.Of(f.Name, f.Make()))];
        return ManifestWriter.Write(plan, results, others, read.Facts).AsSpan().SequenceEqual(read.Bytes) ? read : null;
    }

    /// <summary>Whether inputs still have the contents that a part was made from: same files and times, or same computed bytes.</summary>
    public static bool HasSameContents(MergePlan plan, Manifest manifest, CancellationToken cancellation) =>
        HasSameFacts(plan, manifest) || ComputesSame(plan, manifest, new NonFiniteCounter(refuse: false), cancellation);

    private static bool HasSameFacts(MergePlan plan, Manifest manifest) =>
        manifest.Facts is { } facts && MergeFingerprint.DescribeDifferences(facts, MergeFingerprint.Of(plan)) is null;

    /// <summary>
    /// Computes the merge without writing it, and compares every tensor with its checksum. Nothing else proves that inputs of the same size
    /// have the same contents.
    /// </summary>
    private static bool ComputesSame(MergePlan plan, Manifest manifest, NonFiniteCounter tally, CancellationToken cancellation)
    {
        BlockStreamer streamer = new(new WorkerPool(plan.Request.Threads, cancellation));
        TensorWriter writer = new(streamer, plan.Request.BlockElements, (_, _, _) => { }, tally, new ProgressMeter(null, 0));
        bool same = true;
        streamer.Pool.Run(plan.Tensors.Count, (worker, index) =>
        {
            PlannedTensor tensor = plan.Tensors[(int)index];
            if (Volatile.Read(ref same) && writer.Write(worker, tensor) != manifest.Tensors[tensor.Tensor.Name])
            {
                Volatile.Write(ref same, false);
            }
        });
        return same;
    }
}
