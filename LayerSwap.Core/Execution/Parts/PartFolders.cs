using System.Globalization;
using LayerSwap.Checkpoints.Sharding;
using LayerSwap.IO;

namespace LayerSwap.Execution;

/// <summary>
/// Where the parts of an output lie until it is finished: in a folder beside it, one folder for each part that is done, with its files and a record of them. Each is made and published as a
/// whole output is, in a staging folder of its own.
/// </summary>
internal static class PartFolders
{
    private const string Suffix = ".layerswap-parts", Prefix = "part-", Between = "-of-";

    public static string RootOf(string target) => StagingFolder.Beside(target, Suffix);

    public static string Of(string target, MergePart part) =>
        Path.Combine(RootOf(target), string.Create(CultureInfo.InvariantCulture, $"{Prefix}{part.Number}{Between}{part.Count}"));

    /// <summary>The parts that have been done, by number.</summary>
    public static IReadOnlyList<MergePart> Done(string target) =>
        [.. Entries(target).Select(PartOf).OfType<MergePart>().OrderBy(p => p.Count).ThenBy(p => p.Number)];

    /// <summary>The paths of the files of all parts that are done.</summary>
    public static IEnumerable<string> FilesOf(string target) => Done(target).SelectMany(p => Directory.EnumerateFiles(Of(target, p)));

    /// <summary>Whether the parts that are done, if any, are those that an output was made of.</summary>
    public static bool Agree(string target, Manifest output)
    {
        foreach (MergePart part in Done(target))
        {
            try
            {
                // The record of a part goes last when parts are removed.
                if (Manifest.TryRead(Of(target, part)) is { } record && record.Tensors.Any(t => output.Tensors.GetValueOrDefault(t.Key) != t.Value))
                {
                    return false;
                }
            }
            catch (CheckpointException)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Requires that the folder of parts holds nothing but parts, and they nothing but their files.</summary>
    /// <exception cref="OutputException">Something there is not LayerSwap's.</exception>
    public static void RequireOwn(string target)
    {
        string root = RootOf(target);
        if (FileStatus.OfEntry(root) is { } status && (status.Kind != FileKind.Folder ? [root] : Foreign(target)) is { Count: > 0 } foreign)
        {
            throw OutputErrors.Foreign(target, root, foreign);
        }
    }

    /// <summary>Removes all of an output's parts, done or begun; what LayerSwap did not make stays, and is named.</summary>
    /// <returns>False if there are none.</returns>
    /// <exception cref="OutputException">One is being worked, or something there is not LayerSwap's.</exception>
    public static bool Clean(string target, IFileOperations files)
    {
        string root = RootOf(target);
        if (FileStatus.OfEntry(root) is not { } status)
        {
            return false;
        }

        if (status.Kind != FileKind.Folder)
        {
            throw OutputErrors.Foreign(target, root, [root]);
        }

        // Those that are being worked refuse before anything is removed.
        string[] entries = [.. Entries(target)];
        foreach (string part in entries.Where(n => WorkedIn(n) is not null).Select(n => Path.Combine(root, WorkedIn(n)!)))
        {
            StagingFolder.Clean(part, files);
        }

        foreach (string part in entries.Where(n => PartOf(n) is not null).Select(n => Path.Combine(root, n)).Where(p => FileStatus.OfEntry(p)?.Kind == FileKind.Folder))
        {
            // The record, which names the others, goes last.
            foreach (string file in Directory.EnumerateFileSystemEntries(part).Except(ForeignIn(part), StringComparer.Ordinal).OrderBy(f => Path.GetFileName(f) == ManifestWriter.FileName).ThenBy(f => f, StringComparer.Ordinal).ToList())
            {
                files.DeleteFile(file);
            }

            files.DeleteIfEmpty(part);
        }

        if (Foreign(target) is { Count: > 0 } foreign)
        {
            throw OutputErrors.ForeignLeft(target, root, foreign);
        }

        files.DeleteFolder(root);
        return true;
    }

    /// <summary>What is where a part belongs is one of another merge.</summary>
    public static OutputException Other(string target, MergePart part) => new(target,
        $"Part {part} of {Printable.Escape(target)} is not what this plan would make: it was worked by another plan, or its inputs changed. Remedy: `layerswap clean {Printable.Escape(target)}`, and work all parts again.");

    private static List<string> Foreign(string target)
    {
        List<string> foreign = [];
        foreach (string path in Entries(target).Select(n => Path.Combine(RootOf(target), n)))
        {
            // One that is gone was a part's staging folder, whose run has just ended.
            if (FileStatus.OfEntry(path) is not { } status)
            {
                continue;
            }

            bool folder = status.Kind == FileKind.Folder;
            if (folder && PartOf(Path.GetFileName(path)) is not null)
            {
                foreign.AddRange(ForeignIn(path));
            }
            else if (!folder || WorkedIn(Path.GetFileName(path)) is null)
            {
                foreign.Add(path);
            }
        }

        return foreign;
    }

    /// <summary>What lies in a part that is done and is none of its files.</summary>
    private static List<string> ForeignIn(string part)
    {
        HashSet<string> own = [ManifestWriter.FileName, ShardIndex.FileName];
        try
        {
            own.UnionWith(Manifest.TryRead(part)?.Files.Select(f => f.Name) ?? []);
        }
        catch (CheckpointException)
        {
            // A record that is damaged does not tell: then what is called as files of weights are is the part's.
            own.UnionWith(ModelFolder.Read(part).Files.Select(f => Path.GetFileName(f)));
        }

        return [.. Directory.EnumerateFileSystemEntries(part).Where(f => FileStatus.OfEntry(f) is { } status && (status.Kind != FileKind.File || !own.Contains(Path.GetFileName(f))))];
    }

    private static IEnumerable<string> Entries(string target) =>
        FileStatus.OfEntry(RootOf(target))?.Kind == FileKind.Folder ? Directory.EnumerateFileSystemEntries(RootOf(target)).Select(e => Path.GetFileName(e)).Order(StringComparer.Ordinal) : [];

    /// <summary>The name of the part that a staging folder is for.</summary>
    private static string? WorkedIn(string name) => name.StartsWith('.') && name.EndsWith(StagingFolder.Suffix, StringComparison.Ordinal) && name[1..^StagingFolder.Suffix.Length] is var part && PartOf(part) is not null ? part : null;

    private static MergePart? PartOf(string name) => name.StartsWith(Prefix, StringComparison.Ordinal) ? MergePart.TryParse(name[Prefix.Length..].Replace(Between, "/", StringComparison.Ordinal)) : null;
}
