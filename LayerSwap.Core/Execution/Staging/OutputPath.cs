using LayerSwap.IO;

namespace LayerSwap.Execution;

/// <summary>
/// Checks where an output may be: not at an input, inside one or above one, and not where something would be replaced without being asked to. Places are compared by device and inode, so that links,
/// hard links and bind mounts make no difference.
/// </summary>
internal static class OutputPath
{
    /// <returns>The canonical path.</returns>
    /// <exception cref="OutputException">It may not be there.</exception>
    public static string Require(string path, bool mayReplace, MergePlan plan)
    {
        string target = Canonical(path), shown = Printable.Escape(path);
        // Also refuses a root, and names that are too long.
        string[] places = [target, StagingFolder.FolderOf(target), PartFolders.RootOf(target)];
        RefuseInputs(places, shown, plan);
        if (RealPath.WithAncestors(target).FirstOrDefault(p => FileStatus.OfEntry(p) is not null) is { } existing && FileStatus.OfEntry(existing) is { Kind: not FileKind.Folder })
        {
            throw new OutputException(path, existing == target ? $"{shown} is a file; an output folder is expected. Remedy: choose another path."
                : $"{shown} cannot be: {Printable.Escape(existing)} on the way to it is a file. Remedy: choose another path.");
        }

        if (!mayReplace && StagingFolder.Occupied(target))
        {
            throw OutputErrors.NotEmpty(path);
        }

        return target;
    }

    /// <exception cref="OutputException">Its links lead in a circle, or it is no path.</exception>
    public static string Canonical(string path)
    {
        try
        {
            return RealPath.Of(path);
        }
        catch (Exception e) when (e is IOException or ArgumentException)
        {
            throw new OutputException(path, $"The output {Printable.Escape(path)} cannot be: {Printable.Escape(e.Message)} Remedy: choose another path.");
        }
    }

    /// <summary>Requires that an existing folder can give its name to the new model: better known before the work than after it.</summary>
    /// <exception cref="OutputException">It cannot.</exception>
    public static void RequireRenamable(string target)
    {
        string shown = Printable.Escape(target);
        if (target == RealPath.Of("."))
        {
            throw new OutputException(target, $"{shown} is the folder that this command runs in: a new folder would take its name, and the command would stand in one that is gone. Remedy: choose a folder within it, or run the command elsewhere.");
        }

        if (MountTable.Read().IsMountPoint(target))
        {
            throw new OutputException(target, $"{shown} is where a file system is mounted (a volume?), which cannot give its name to another folder. Remedy: choose a folder within it.");
        }

        if (OperatingSystem.IsLinux() && !Native.MayWrite(target))
        {
            throw new OutputException(target, $"{shown} may not be written to, and so not be replaced. Remedy: choose another path, or change its permissions.");
        }
    }

    private static void RefuseInputs(string[] places, string shown, MergePlan plan)
    {
        InputPlaces inputs = InputPlaces.Of([.. plan.Request.Inputs, plan.Request.Donor, plan.Request.Tokenizer ?? plan.Request.Donor], plan.Watched);
        if (places.Select(inputs.Meets).FirstOrDefault(i => i is not null) is { } input)
        {
            throw new OutputException(places[0], $"The output {shown} lies in, around or upon the input {Printable.Escape(input)}. Inputs are never changed. Remedy: choose another path.");
        }
    }
}
