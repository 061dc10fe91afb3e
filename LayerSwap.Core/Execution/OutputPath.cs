using LayerSwap.Files;

namespace LayerSwap.Execution;

/// <summary>Where an output may be: not on an input by any name, and not on something that it would replace unasked.</summary>
internal static class OutputPath
{
    /// <returns>The absolute path with all links followed.</returns>
    /// <exception cref="OutputException">It may not be there.</exception>
    public static string Require(string path, bool mayReplace, IReadOnlyList<ICheckpoint> inputs)
    {
        string target = RealPath.Of(path), shown = Printable.Escape(path);
        if (Path.GetDirectoryName(target) is null)
        {
            throw new OutputException(path, $"{shown} is the root of a file system; an output folder is expected.");
        }

        RefuseInputs(target, shown, inputs);
        if (File.Exists(target))
        {
            throw new OutputException(path, $"{shown} is a file; an output folder is expected. Remedy: choose another path.");
        }

        if (!mayReplace && Workspace.Occupied(target))
        {
            throw NotEmpty(path);
        }

        return target;
    }

    public static OutputException NotEmpty(string path) => new(path, $"{Printable.Escape(path)} exists and is not empty. Remedy: choose another path, or overwrite it (Overwrite, --overwrite).");

    private static void RefuseInputs(string target, string shown, IReadOnlyList<ICheckpoint> inputs)
    {
        FileIdentity[] there = Directory.Exists(target) ? [FileIdentity.Of(target), .. Directory.EnumerateFiles(target).Where(File.Exists).Select(FileIdentity.Of)] : [];
        foreach (ICheckpoint input in inputs)
        {
            string[] places = [.. input.Files.Select(f => RealPath.Of(f.Path)), .. input.Files.Select(f => Path.GetDirectoryName(Path.GetFullPath(f.Path))!).Select(RealPath.Of),
                .. input.Folder is null ? Array.Empty<string>() : [RealPath.Of(input.Folder)]];
            // The target itself, a folder around an input, a place inside a model's own folder; or another name of one of them.
            if (places.Any(p => p == target || p.StartsWith(target + Path.DirectorySeparatorChar, StringComparison.Ordinal))
                || (input.Folder is { } folder && target.StartsWith(RealPath.Of(folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal))
                || places.Where(Path.Exists).Select(FileIdentity.Of).Any(p => there.Any(t => t.SameFile(p))))
            {
                throw new OutputException(target, $"The output {shown} lies in, around or upon the input {Printable.Escape(input.Name)}. Inputs are never changed. Remedy: choose another path.");
            }
        }
    }
}
