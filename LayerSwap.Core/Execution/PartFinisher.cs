using LayerSwap.Planning;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>Makes one output of the parts of a plan: their files get a second name in it, whatever belongs beside weights is written, and it is published as any other.</summary>
internal static class PartFinisher
{
    public static MergeResult Finish(MergePlan plan, string path, SaveOptions options, CancellationToken cancellation)
    {
        ProgressMeter meter = new(options.Progress, plan.WriteBytes);
        string target = OutputPath.Require(path, mayReplace: true, plan.Request.Inputs);
        InputGuard.RequireUnchanged(plan.Request.Inputs);
        PartFolders.RequireOwn(target);
        // Finished before, perhaps with parts left over; or something else is there.
        IReadOnlyList<string>? files = Workspace.Occupied(target) ? FinishedRun.Find(plan, target, options, cancellation) : null;
        if (files is null && Workspace.Occupied(target) && !options.Overwrite)
        {
            throw OutputPath.NotEmpty(path);
        }

        files ??= Join(plan, path, target, options, Gather(plan, target));
        try
        {
            PartFolders.Clean(target, options.Files);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Workspace.FailedAfter(path, e);
        }

        meter.Finish();
        return new MergeResult { Path = target, Files = files, Tensors = plan.Tensors.Count, Bytes = plan.WriteBytes, NonFinite = [], Elapsed = meter.Elapsed, Plan = plan };
    }

    /// <summary>The folder of each file, and what was made of each tensor.</summary>
    /// <exception cref="OutputException">A part is missing, or is one of another merge.</exception>
    private static (Dictionary<string, string> Folders, MadeTensor[] Made) Gather(MergePlan plan, string target)
    {
        int[] counts = [.. PartFolders.Done(target).Select(p => p.Count).Distinct()];
        if (counts.Length != 1)
        {
            throw new OutputException(target, counts.Length == 0
                ? $"No part of {Printable.Escape(target)} has been worked. Remedy: work all parts first (`layerswap run PLAN --part 1/N` up to N/N), on this file system."
                : $"{Printable.Escape(target)} was worked in {string.Join(" and in ", counts)} parts. Remedy: `layerswap clean {Printable.Escape(target)}`, and work all parts of one kind.");
        }

        Dictionary<string, string> folders = new(StringComparer.Ordinal);
        Dictionary<string, MadeTensor> made = new(StringComparer.Ordinal);
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

            RecordReader record = FinishedRun.Record(own, folder) ?? throw PartFolders.Other(target, part);
            foreach (PlannedShard shard in own.Shards)
            {
                string file = Path.Combine(folder, shard.File);
                if (!File.Exists(file) || new FileInfo(file).Length != shard.Length)
                {
                    throw new OutputException(target, $"Part {part} of {Printable.Escape(target)} has no whole {Printable.Escape(shard.File)}. Remedy: work it again (`layerswap run PLAN --part {part}`), then finish.");
                }

                folders.Add(shard.File, folder);
            }

            foreach ((string name, ulong checksum) in record.Tensors)
            {
                made.Add(name, new MadeTensor(checksum, record.Details[name]));
            }
        }

        return missing.Count == 0
            ? (folders, [.. plan.Tensors.Select(t => made[t.Tensor.Name])])
            : throw new OutputException(target, $"Of {counts[0]} parts of {Printable.Escape(target)}, {missing.Count} {(missing.Count == 1 ? "is" : "are")} missing: {string.Join(", ", missing.Take(5))}"
                + $"{(missing.Count > 5 ? $" and {missing.Count - 5} more" : "")}. Remedy: work {(missing.Count == 1 ? "it" : "them")} (`layerswap run PLAN --part {missing[0].Split(' ')[0]}`), then finish.");
    }

    private static List<string> Join(MergePlan plan, string path, string target, SaveOptions options, (Dictionary<string, string> Folders, MadeTensor[] Made) parts)
    {
        // The files are there already: no room is needed for them.
        using Workspace space = Workspace.Open(target, plan with { WriteBytes = 0 }, options with { Resume = true });
        try
        {
            List<string> files = [.. plan.Files, .. MergeExecutor.WriteBeside(plan, space, options.Files, parts.Made)];
            InputGuard.RequireUnchanged(plan.Request.Inputs);
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
                // Where a file has one name only it would go with the workspace.
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
            throw space.Published ? Workspace.FailedAfter(path, e) : Workspace.Failed(path, e, 0);
        }
    }
}
