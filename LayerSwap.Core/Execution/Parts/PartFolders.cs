using System.Globalization;
using LayerSwap.Checkpoints.Sharding;
using LayerSwap.IO;

namespace LayerSwap.Execution;

/// <summary>
/// The finished parts of an output, in a hidden folder next to it: one folder for each part, with its files and their manifest. Each part
/// is written and published as a whole output is, with its own staging folder.
/// </summary>
internal static class PartFolders
{
    private const string Suffix = ".layerswap-parts", Prefix = "part-", Between = "-of-";

    public static string RootOf(string target) => StagingFolder.SiblingOf(target, Suffix);

    public static string Of(string target, MergePart part) =>
        Path.Combine(RootOf(target), string.Create(CultureInfo.InvariantCulture, $"{Prefix}{part.Number}{Between}{part.Count}"));

    /// <summary>Lists the finished parts, by number.</summary>
    public static IReadOnlyList<MergePart> FindFinished(string target) =>
        [.. Entries(target).Select(PartOf).OfType<MergePart>().OrderBy(p => p.Count).ThenBy(p => p.Number)];

    /// <summary>Lists the paths of the files of all finished parts.</summary>
    public static IEnumerable<string> FilesOf(string target) =>
        FindFinished(target).SelectMany(p => Directory.EnumerateFiles(Of(target, p)));

    /// <summary>Checks whether the tensors of all finished parts are those of an output.</summary>
    public static bool MatchOutput(string target, Manifest output)
    {
        foreach (MergePart part in FindFinished(target))
        {
            try
            {
                // A part that is being deleted has its manifest until the end.
                if (Manifest.TryRead(Of(target, part)) is { } manifest
                    && manifest.Tensors.Any(t => output.Tensors.GetValueOrDefault(t.Key) != t.Value))
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

    /// <summary>Requires that the folder of parts has no foreign entries.</summary>
    /// <exception cref="OutputException">The folder has foreign entries.</exception>
    public static void RequireNoForeign(string target)
    {
        string root = RootOf(target);
        if (FileStatus.ReadEntry(root) is not { } status)
        {
            return;
        }

        List<string> foreign = status.Kind == FileKind.Folder ? Foreign(target) : [root];
        if (foreign.Count > 0)
        {
            throw OutputErrors.Foreign(target, root, foreign);
        }
    }

    /// <summary>Deletes all parts of an output, finished or partial. Foreign entries are kept.</summary>
    /// <returns>False if there are no parts.</returns>
    /// <exception cref="OutputException">A part is being written, or the folder has foreign entries.</exception>
    public static bool DeleteAll(string target, IFileOperations files)
    {
        string root = RootOf(target);
        if (FileStatus.ReadEntry(root) is not { } status)
        {
            return false;
        }

        if (status.Kind != FileKind.Folder)
        {
            throw OutputErrors.Foreign(target, root, [root]);
        }

        // Staging folders first: one that a run is using ends this before a finished part is deleted.
        string[] entries = [.. Entries(target)];
        foreach (string part in entries.Select(StagedPart).OfType<string>())
        {
            StagingFolder.DeletePartialOutput(Path.Combine(root, part), files);
        }

        IEnumerable<string> parts = entries.Where(n => PartOf(n) is not null).Select(n => Path.Combine(root, n));
        foreach (string part in parts.Where(p => FileStatus.ReadEntry(p)?.Kind == FileKind.Folder))
        {
            DeletePart(part, files);
        }

        if (Foreign(target) is { Count: > 0 } foreign)
        {
            throw OutputErrors.ForeignLeft(target, root, foreign);
        }

        files.DeleteFolder(root);
        return true;
    }

    /// <summary>Makes the exception for a part of another merge.</summary>
    public static OutputException OtherMerge(string target, MergePart part) => new(
        target,
        $"Part {part} of {Printable.Escape(target)} is not what this plan would make: it was written by another plan, or its inputs "
            + $"changed. Remedy: `layerswap clean {Printable.Escape(target)}`, and run all parts again.");

    private static void DeletePart(string part, IFileOperations files)
    {
        // The manifest, which lists the other files, is deleted last.
        string[] own =
        [
            .. Directory.EnumerateFileSystemEntries(part)
                .Except(ForeignIn(part), StringComparer.Ordinal)
                .OrderBy(f => Path.GetFileName(f) == ManifestWriter.FileName)
                .ThenBy(f => f, StringComparer.Ordinal),
        ];
        foreach (string file in own)
        {
            files.DeleteFile(file);
        }

        files.DeleteIfEmpty(part);
    }

    private static List<string> Foreign(string target)
    {
        List<string> foreign = [];
        foreach (string path in Entries(target).Select(n => Path.Combine(RootOf(target), n)))
        {
            // A staging folder vanishes when its run ends.
            if (FileStatus.ReadEntry(path) is not { } status)
            {
                continue;
            }

            bool isFolder = status.Kind == FileKind.Folder;
            if (isFolder && PartOf(Path.GetFileName(path)) is not null)
            {
                foreign.AddRange(ForeignIn(path));
            }
            else if (!isFolder || StagedPart(Path.GetFileName(path)) is null)
            {
                foreign.Add(path);
            }
        }

        return foreign;
    }

    /// <summary>Lists the foreign entries of a finished part.</summary>
    private static List<string> ForeignIn(string part)
    {
        HashSet<string> own = [ManifestWriter.FileName, ShardIndex.FileName];
        try
        {
            own.UnionWith(Manifest.TryRead(part)?.Files.Select(f => f.Name) ?? []);
        }
        catch (CheckpointException)
        {
            // With a damaged manifest, files with usual names of model files are the part's own.
            own.UnionWith(ModelFolder.Read(part).Files.Select(f => Path.GetFileName(f)));
        }

        return [.. Directory.EnumerateFileSystemEntries(part).Where(IsForeign)];

        bool IsForeign(string path) =>
            FileStatus.ReadEntry(path) is { } status && (status.Kind != FileKind.File || !own.Contains(Path.GetFileName(path)));
    }

    private static IEnumerable<string> Entries(string target) =>
        FileStatus.ReadEntry(RootOf(target))?.Kind == FileKind.Folder
            ? Directory.EnumerateFileSystemEntries(RootOf(target)).Select(e => Path.GetFileName(e)).Order(StringComparer.Ordinal)
            : [];

    /// <summary>Returns the folder name of the part that a staging folder belongs to; null for any other name.</summary>
    private static string? StagedPart(string name)
    {
        if (name.Length <= StagingFolder.Suffix.Length || !name.StartsWith('.')
            || !name.EndsWith(StagingFolder.Suffix, StringComparison.Ordinal))
        {
            return null;
        }

        string part = name[1..^StagingFolder.Suffix.Length];
        return PartOf(part) is not null ? part : null;
    }

    private static MergePart? PartOf(string name) => name.StartsWith(Prefix, StringComparison.Ordinal)
        && MergePart.TryParse(name[Prefix.Length..].Replace(Between, "/", StringComparison.Ordinal), out MergePart? part) ? part
        : null;
}
