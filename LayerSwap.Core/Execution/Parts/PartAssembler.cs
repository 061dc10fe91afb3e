using LayerSwap.Planning;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>Makes one output of the parts of a plan: their files get a second name in it, whatever belongs beside weights is written, and it is published as any other.</summary>
internal static class PartAssembler
{
    public static MergeResult Finish(MergePlan plan, string path, SaveOptions options, CancellationToken cancellation)
    {
        ProgressMeter meter = new(options.Progress, plan.WriteBytes);
        string target = OutputPath.Require(path, mayReplace: true, plan);
        InputChangeCheck.RequireUnchanged(plan);
        PartFolders.RequireOwn(target);
        // Finished before, perhaps with parts left over that it was made of; or something else is there. Parts, which are compared with the inputs, made it.
        IReadOnlyList<string>? files = StagingFolder.Occupied(target)
            && ExistingOutput.Find(plan, target, OutputKind.Whole, compute: false, new NonFiniteTally(refuse: false), cancellation, out _) is { } record && PartFolders.Agree(target, record)
            ? MergeExecutor.Settle(target, record, options) : null;
        if (files is null && StagingFolder.Occupied(target) && !options.Overwrite)
        {
            throw OutputErrors.NotEmpty(path);
        }

        files ??= Join(plan, path, target, options, Gather(plan, target, meter, cancellation));
        try
        {
            PartFolders.Clean(target, options.Files);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw OutputErrors.FailedAfter(path, e);
        }

        meter.Finish();
        return new MergeResult { Path = target, Files = files, Tensors = plan.Tensors.Count, Bytes = plan.WriteBytes, NonFinite = [], Overflows = [], Elapsed = meter.Elapsed, Plan = plan };
    }

    /// <summary>Compares every part with its record.</summary>
    /// <returns>The folder of each weight file, and the checksum of each tensor with what was found out in computing it.</returns>
    /// <exception cref="OutputException">A part is missing, damaged, or one of another merge.</exception>
    private static (Dictionary<string, string> Folders, TensorResult[] Made) Gather(MergePlan plan, string target, ProgressMeter meter, CancellationToken cancellation)
    {
        int[] counts = [.. PartFolders.Done(target).Select(p => p.Count).Distinct()];
        if (counts.Length != 1)
        {
            throw new OutputException(target, counts.Length == 0
                ? $"No part of {Printable.Escape(target)} has been worked. Remedy: work all parts first (`layerswap run PLAN --part 1/N` up to N/N), on this file system."
                : $"{Printable.Escape(target)} was worked in {string.Join(" and in ", counts)} parts. Remedy: `layerswap clean {Printable.Escape(target)}`, and work all parts of one kind.");
        }

        Dictionary<string, string> folders = new(StringComparer.Ordinal);
        Dictionary<string, TensorResult> made = new(StringComparer.Ordinal);
        List<string> missing = [];
        // Those that own files: of very many parts most have none.
        foreach ((MergePart part, MergePlan own) in MergePart.Cut(plan, counts[0]))
        {
            string folder = PartFolders.Of(target, part);
            if (!Directory.Exists(folder))
            {
                missing.Add($"{part} ({Printable.Escape(own.Shards[0].File)}{(own.Shards.Count > 1 ? $" and {own.Shards.Count - 1} more" : "")})");
                continue;
            }

            Manifest record = ExistingOutput.Record(own, folder, OutputKind.Part) ?? throw PartFolders.Other(target, part);
            if (Verifier.FindDamage(folder, record, meter, cancellation) is { } damage)
            {
                throw new OutputException(target, $"Part {part} of {Printable.Escape(target)} is damaged: {damage} "
                    + $"Remedy: work it again (`layerswap run PLAN --part {part}`), then finish.");
            }

            if (!ExistingOutput.HasSameContents(own, record, cancellation))
            {
                throw PartFolders.Other(target, part);
            }

            foreach (PlannedShard shard in own.Shards)
            {
                folders.Add(shard.File, folder);
            }

            foreach ((string name, ulong checksum) in record.Tensors)
            {
                made.Add(name, new TensorResult(checksum, record.Details[name]));
            }
        }

        return missing.Count == 0
            ? (folders, [.. plan.Tensors.Select(t => made[t.Tensor.Name])])
            : throw new OutputException(target, $"Of {counts[0]} parts of {Printable.Escape(target)}, {missing.Count} {(missing.Count == 1 ? "is" : "are")} missing: {string.Join(", ", missing.Take(5))}"
                + $"{(missing.Count > 5 ? $" and {missing.Count - 5} more" : "")}. Remedy: work {(missing.Count == 1 ? "it" : "them")} (`layerswap run PLAN --part {missing[0].Split(' ')[0]}`), then finish.");
    }

    private static List<string> Join(MergePlan plan, string path, string target, SaveOptions options, (Dictionary<string, string> Folders, TensorResult[] Made) parts)
    {
        // The files are there already: no room is needed for them.
        using StagingFolder space = StagingFolder.Open(target, plan with { WriteBytes = 0 }, options with { Resume = true }, OutputFiles.NamesOf(plan, OutputKind.Whole), () => OutputPath.Require(target, mayReplace: true, plan));
        try
        {
            // Also before they are read: what has appeared is none of the files that were to be made.
            InputChangeCheck.RequireUnchanged(plan);
            List<string> files = [.. plan.Files, .. MergeExecutor.WriteOthers(plan, space, options, parts.Made, OutputKind.Whole)];
            InputChangeCheck.RequireUnchanged(plan);
            (string From, string To)[] names = [.. plan.Shards.Select(s => (Path.Combine(parts.Folders[s.File], s.File), Path.Combine(space.Model, s.File)))];
            try
            {
                foreach ((string from, string to) in names)
                {
                    // A run that was killed here has done some of them.
                    options.Files.DeleteFile(to);
                    options.Files.Link(from, to);
                }

                space.Publish();
            }
            catch when (!space.Published)
            {
                // Where a file has one name only it would go with the staging folder.
                foreach ((string from, string to) in names.Where(n => !File.Exists(n.From) && File.Exists(n.To)))
                {
                    options.Files.Move(to, from);
                }

                throw;
            }

            return files;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw space.Published ? OutputErrors.FailedAfter(path, e) : OutputErrors.Failed(path, e, 0);
        }
    }
}
