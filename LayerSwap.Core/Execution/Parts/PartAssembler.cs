using LayerSwap.Planning;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>Assembles an output from the parts of a plan: links their weight files, writes all other files, and publishes.</summary>
internal static class PartAssembler
{
    public static MergeResult Assemble(MergePlan plan, string path, SaveOptions options, CancellationToken cancellation)
    {
        ProgressMeter meter = new(options.Progress, plan.WriteBytes);
        string target = OutputPath.Require(path, mayReplace: true, plan);
        InputChangeCheck.RequireUnchanged(plan);
        PartFolders.RequireNoForeign(target);
        IReadOnlyList<string>? files = FindAssembled(plan, target, cancellation) is { } manifest
            ? MergeExecutor.FinishPublishing(target, manifest, options)
            : null;
        if (files is null && StagingFolder.IsNonEmptyFolder(target) && !options.Overwrite)
        {
            throw OutputErrors.NotEmpty(path);
        }

        files ??= Link(plan, path, target, options, CheckParts(plan, target, meter, cancellation));
        try
        {
            PartFolders.DeleteAll(target, options.Files);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw OutputErrors.FailedAfterPublishing(path, e);
        }

        meter.Finish();
        return new MergeResult
        {
            Path = target,
            Files = files,
            Tensors = plan.Tensors.Count,
            Bytes = plan.WriteBytes,
            NonFinite = [],
            Overflows = [],
            Elapsed = meter.Elapsed,
            Plan = plan,
        };
    }

    /// <summary>
    /// Finds an output that was assembled before, perhaps without deleting its parts. It is not computed again, since its parts were
    /// compared with the inputs.
    /// </summary>
    private static Manifest? FindAssembled(MergePlan plan, string target, CancellationToken cancellation)
    {
        if (!StagingFolder.IsNonEmptyFolder(target))
        {
            return null;
        }

        NonFiniteCounter tally = new(refuse: false);
        Manifest? manifest = ExistingOutput.Find(plan, target, OutputKind.Whole, compute: false, tally, cancellation, out _);
        return manifest is not null && PartFolders.MatchOutput(target, manifest) ? manifest : null;
    }

    /// <summary>Compares every part with its manifest and the inputs.</summary>
    /// <returns>The folder of each weight file, by file name, and the result of each tensor.</returns>
    /// <exception cref="OutputException">A part is missing, damaged, or of another merge.</exception>
    private static (Dictionary<string, string> Folders, TensorResult[] Results) CheckParts(
        MergePlan plan, string target, ProgressMeter meter, CancellationToken cancellation)
    {
        int[] counts = [.. PartFolders.FindFinished(target).Select(p => p.Count).Distinct()];
        if (counts.Length != 1)
        {
            throw new OutputException(target, counts.Length == 0
                ? $"No part of {Printable.Escape(target)} exists. "
                    + "Remedy: run all parts first (`layerswap run PLAN --part 1/N` up to N/N), on this file system."
                : $"{Printable.Escape(target)} was split both into {string.Join(" and into ", counts)} parts. "
                    + $"Remedy: `layerswap clean {Printable.Escape(target)}`, and run all parts of one split.");
        }

        Dictionary<string, string> folders = new(StringComparer.Ordinal);
        Dictionary<string, TensorResult> results = new(StringComparer.Ordinal);
        List<string> missing = [];
        // Only parts with files: of very many parts, most have none.
        foreach ((MergePart part, MergePlan partPlan) in MergePart.Split(plan, counts[0]))
        {
            string folder = PartFolders.Of(target, part);
            if (!Directory.Exists(folder))
            {
                string more = partPlan.Shards.Count > 1 ? $" and {partPlan.Shards.Count - 1} more" : "";
                missing.Add($"{part} ({Printable.Escape(partPlan.Shards[0].File)}{more})");
                continue;
            }

            Manifest manifest = ExistingOutput.ReadManifest(partPlan, folder, OutputKind.Part)
                ?? throw PartFolders.OtherMerge(target, part);
            if (Verifier.FindDamage(folder, manifest, meter, cancellation) is { } damage)
            {
                throw new OutputException(target, $"Part {part} of {Printable.Escape(target)} is damaged: {damage} "
                    + $"Remedy: run it again (`layerswap run PLAN --part {part}`), then finish.");
            }

            if (!ExistingOutput.HasSameContents(partPlan, manifest, cancellation))
            {
                throw PartFolders.OtherMerge(target, part);
            }

            foreach (PlannedShard shard in partPlan.Shards)
            {
                folders.Add(shard.File, folder);
            }

            foreach ((string name, ulong checksum) in manifest.Tensors)
            {
                results.Add(name, new TensorResult(checksum, manifest.Details[name]));
            }
        }

        if (missing.Count > 0)
        {
            throw Missing(target, counts[0], missing);
        }

        return (folders, [.. plan.Tensors.Select(t => results[t.Tensor.Name])]);
    }

    private static OutputException Missing(string target, int count, List<string> missing)
    {
        (string verb, string pronoun) = missing.Count == 1 ? ("is", "it") : ("are", "them");
        string more = missing.Count > 5 ? $" and {missing.Count - 5} more" : "";
        return new OutputException(
            target,
            $"Of {count} parts of {Printable.Escape(target)}, {missing.Count} {verb} missing: {string.Join(", ", missing.Take(5))}{more}. "
                + $"Remedy: run {pronoun} (`layerswap run PLAN --part {missing[0].Split(' ')[0]}`), then finish.");
    }

    private static List<string> Link(
        MergePlan plan,
        string path,
        string target,
        SaveOptions options,
        (Dictionary<string, string> Folders, TensorResult[] Results) parts)
    {
        // Links need no space.
        MergePlan linkPlan = plan with { WriteBytes = 0 };
        IReadOnlyList<string> fileNames = OutputFiles.NamesOf(plan, OutputKind.Whole);
        void RequireTarget() => OutputPath.Require(target, mayReplace: true, plan);
        using StagingFolder staging = StagingFolder.Open(target, linkPlan, options with { Resume = true }, fileNames, RequireTarget);
        try
        {
            // Checked before and after, since this step reads auxiliary files of the inputs.
            InputChangeCheck.RequireUnchanged(plan);
            List<string> files = [.. plan.Files, .. MergeExecutor.WriteOtherFiles(plan, staging, options, parts.Results, OutputKind.Whole)];
            InputChangeCheck.RequireUnchanged(plan);
            (string From, string To)[] links =
                [.. plan.Shards.Select(s => (Path.Combine(parts.Folders[s.File], s.File), Path.Combine(staging.ModelPath, s.File)))];
            try
            {
                foreach ((string from, string to) in links)
                {
                    // An interrupted run may have created the link.
                    options.Files.DeleteFile(to);
                    options.Files.Link(from, to);
                }

                staging.Publish();
            }
            catch when (!staging.IsPublished)
            {
                // Without hard links, files were moved; they must not be deleted with the staging folder.
                foreach ((string from, string to) in links.Where(n => !File.Exists(n.From) && File.Exists(n.To)))
                {
                    options.Files.Move(to, from);
                }

                throw;
            }

            return files;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw staging.IsPublished ? OutputErrors.FailedAfterPublishing(path, e) : OutputErrors.WriteFailed(path, e, 0);
        }
    }
}
