using System.Globalization;
using LayerSwap.Files;

namespace LayerSwap.Execution;

/// <summary>
/// Where the parts of an output lie until it is finished: in a folder beside it, one folder for each part that is done, with its files and a record of them. Each is made and published as a
/// whole output is, by a workspace of its own.
/// </summary>
internal static class PartFolders
{
    private const string Suffix = ".layerswap-parts", Prefix = "part-", Between = "-of-";

    public static string RootOf(string target) => Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}{Suffix}");

    public static string Of(string target, MergePart part) =>
        Path.Combine(RootOf(target), string.Create(CultureInfo.InvariantCulture, $"{Prefix}{part.Number}{Between}{part.Count}"));

    /// <summary>The parts that have been done, by number.</summary>
    public static IReadOnlyList<MergePart> Done(string target) =>
        [.. Entries(target).Select(PartOf).OfType<MergePart>().OrderBy(p => p.Count).ThenBy(p => p.Number)];

    /// <summary>The folders of parts that are done, or whose workspaces are there.</summary>
    /// <exception cref="OutputException">Something there is not LayerSwap's.</exception>
    public static IReadOnlyCollection<string> RequireOwn(string target)
    {
        HashSet<string> parts = [.. Entries(target).Select(n => n.StartsWith('.') && n.EndsWith(Workspace.Suffix, StringComparison.Ordinal) ? n[1..^Workspace.Suffix.Length] : n)];
        string root = RootOf(target);
        return parts.FirstOrDefault(n => PartOf(n) is null) is not { } foreign ? [.. parts.Select(n => Path.Combine(root, n))]
            : throw new OutputException(target, $"{Printable.Escape(root)} is in the way and holds {Printable.Escape(foreign)}, which is not LayerSwap's. Remedy: look at it, and move it away.");
    }

    /// <summary>Removes all of an output's parts, done or begun. False where there are none.</summary>
    /// <exception cref="OutputException">One is being worked, or something there is not LayerSwap's.</exception>
    public static bool Clean(string target, IFileOperations files)
    {
        if (!Directory.Exists(RootOf(target)))
        {
            return false;
        }

        foreach (string part in RequireOwn(target))
        {
            Workspace.Clean(part);
        }

        files.DeleteFolder(RootOf(target));
        return true;
    }

    /// <summary>What is where a part belongs is one of another merge.</summary>
    public static OutputException Other(string target, MergePart part) => new(target,
        $"Part {part} of {Printable.Escape(target)} is not what this plan would make: it was worked by another plan, or its inputs changed. Remedy: `layerswap clean {Printable.Escape(target)}`, and work all parts again.");

    private static IEnumerable<string> Entries(string target) =>
        Directory.Exists(RootOf(target)) ? Directory.EnumerateFileSystemEntries(RootOf(target)).Select(e => Path.GetFileName(e)) : [];

    private static MergePart? PartOf(string name) => name.StartsWith(Prefix, StringComparison.Ordinal) ? MergePart.TryParse(name[Prefix.Length..].Replace(Between, "/", StringComparison.Ordinal)) : null;
}
