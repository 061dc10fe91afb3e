using System.Globalization;

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

    /// <summary>Removes all of an output's parts, done or begun. False where there are none.</summary>
    /// <exception cref="OutputException">One is being worked, or something there is not LayerSwap's.</exception>
    public static bool Clean(string target)
    {
        string root = RootOf(target);
        if (!Directory.Exists(root))
        {
            return false;
        }

        // Parts that are done, and workspaces of parts that are not.
        HashSet<string> parts = [.. Entries(target).Select(n => n.StartsWith('.') && n.EndsWith(Workspace.Suffix, StringComparison.Ordinal) ? n[1..^Workspace.Suffix.Length] : n)];
        if (parts.FirstOrDefault(n => PartOf(n) is null) is { } foreign)
        {
            throw new OutputException(target, $"{Printable.Escape(root)} is in the way and holds {Printable.Escape(foreign)}, which is not LayerSwap's. Remedy: look at it, and move it away.");
        }

        foreach (string part in parts)
        {
            Workspace.Clean(Path.Combine(root, part));
        }

        Directory.Delete(root, recursive: true);
        return true;
    }

    private static IEnumerable<string> Entries(string target) =>
        Directory.Exists(RootOf(target)) ? Directory.EnumerateFileSystemEntries(RootOf(target)).Select(e => Path.GetFileName(e)) : [];

    private static MergePart? PartOf(string name) => name.StartsWith(Prefix, StringComparison.Ordinal) ? MergePart.TryParse(name[Prefix.Length..].Replace(Between, "/", StringComparison.Ordinal)) : null;
}
