using LayerSwap.IO;

namespace LayerSwap.Execution;

/// <summary>
/// Checks the path of an output: it may not be an input, inside one or above one, or replace a folder unasked. Paths are compared by device
/// and inode, so that links, hard links and bind mounts are recognized.
/// </summary>
internal static class OutputPath
{
    /// <summary>Requires that an output may be written to a path.</summary>
    /// <returns>The canonical path.</returns>
    /// <exception cref="OutputException">The output may not be there.</exception>
    public static string Require(string path, bool mayReplace, MergePlan plan)
    {
        string target = Canonical(path), shown = Printable.Escape(path);
        // FolderOf also refuses the root of a file system, and names that are too long.
        string[] paths = [target, StagingFolder.FolderOf(target), PartFolders.RootOf(target)];
        RefuseInputs(paths, shown, plan);
        if (RealPath.WithAncestors(target).FirstOrDefault(p => FileStatus.ReadEntry(p) is not null) is { } existing
            && FileStatus.ReadEntry(existing) is { Kind: not FileKind.Folder })
        {
            throw new OutputException(path, existing == target
                ? $"{shown} is a file; an output folder is expected. Remedy: choose another path."
                : $"{shown} cannot be created: {Printable.Escape(existing)} on the way to it is a file. Remedy: choose another path.");
        }

        if (!mayReplace && StagingFolder.IsNonEmptyFolder(target))
        {
            throw OutputErrors.NotEmpty(path);
        }

        return target;
    }

    /// <summary>Resolves all links of a path.</summary>
    /// <exception cref="OutputException">The links form a cycle, or the path is invalid.</exception>
    public static string Canonical(string path)
    {
        try
        {
            return RealPath.Resolve(path);
        }
        catch (Exception e) when (e is IOException or ArgumentException)
        {
            throw new OutputException(path, $"The output {Printable.Escape(path)} cannot be created: {Printable.Escape(e.Message)} "
                + "Remedy: choose another path.");
        }
    }

    /// <summary>Requires that an existing folder can be renamed, before the merge is computed rather than after.</summary>
    /// <exception cref="OutputException">The folder cannot be renamed.</exception>
    public static void RequireRenamable(string target)
    {
        string shown = Printable.Escape(target);
        if (target == RealPath.Resolve("."))
        {
            throw new OutputException(target, $"{shown} is the folder that this command runs in, which cannot be replaced while it runs. "
                + "Remedy: choose a folder within it, or run the command elsewhere.");
        }

        if (MountTable.Read().IsMountPoint(target))
        {
            throw new OutputException(target, $"{shown} is where a file system is mounted (a volume?), and cannot be renamed. "
                + "Remedy: choose a folder within it.");
        }

        if (OperatingSystem.IsLinux() && !Native.CanWrite(target))
        {
            throw new OutputException(target, $"{shown} is not writable, and so cannot be replaced. "
                + "Remedy: choose another path, or change its permissions.");
        }
    }

    private static void RefuseInputs(string[] paths, string shown, MergePlan plan)
    {
        ICheckpoint configSource = plan.Request.ConfigSource;
        InputPaths inputs = InputPaths.Of(
            [.. plan.Request.Inputs, configSource, plan.Request.TokenizerSource ?? configSource], plan.WatchedFolders);
        if (paths.Select(inputs.FindOverlap).FirstOrDefault(i => i is not null) is { } input)
        {
            throw new OutputException(paths[0], $"The output {shown} is, contains or is inside the input {Printable.Escape(input)}. "
                + "Inputs are never changed. Remedy: choose another path.");
        }
    }
}
