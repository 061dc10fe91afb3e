namespace LayerSwap.IO;

/// <summary>
/// Canonical paths, as realpath(3) gives them: every link followed, and <c>..</c> read as the kernel reads it, after the link before it. Components that do not exist yet are kept.
/// The framework's own calls read <c>..</c> as text: a path of a person's goes through here before it goes to them.
/// </summary>
internal static class RealPath
{
    private const int MostLinks = 40;

    /// <exception cref="IOException">Links lead in a circle.</exception>
    /// <exception cref="ArgumentException">The text cannot be a path.</exception>
    public static string Of(string path) => Follow(path, links: null);

    /// <summary>The canonical path of the folder that a path lies in; links in the last component are not followed.</summary>
    /// <exception cref="IOException">Links lead in a circle.</exception>
    public static string FolderOf(string path) => Of(Path.GetDirectoryName(path) is { Length: > 0 } folder ? folder : Path.IsPathRooted(path) ? path : ".");

    /// <summary>Every place that a path goes through: the folders above it, each link on the way, and the folders above the links. Without any of them the path would lead elsewhere.</summary>
    /// <exception cref="IOException">Links lead in a circle.</exception>
    public static IReadOnlyCollection<string> WayTo(string path)
    {
        List<string> links = [];
        string real = Follow(path, links);
        return links.Append(real).SelectMany(WithAncestors).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>A path and the folders above it, innermost first. The path must be canonical.</summary>
    public static IEnumerable<string> WithAncestors(string real)
    {
        for (string? at = real; at is not null; at = Path.GetDirectoryName(at))
        {
            yield return at;
        }
    }

    /// <summary>Whether a path is a folder, or lies in it. Both must be canonical.</summary>
    public static bool Contains(string folder, string path) => path == folder || path.StartsWith(Path.EndsInDirectorySeparator(folder) ? folder : folder + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    private static string Follow(string path, List<string>? links)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException($"'{Printable.Escape(path)}' is not a path: {(path.Length == 0 ? "it is empty" : "it holds a NUL character")}.");
        }

        // Windows reads .. as text itself.
        string whole = OperatingSystem.IsWindows() ? Path.GetFullPath(path) : Path.IsPathRooted(path) ? path : Path.Combine(Environment.CurrentDirectory, path);
        string root = Path.GetPathRoot(whole)!, here = root;
        Stack<string> rest = new();
        Push(rest, whole[root.Length..]);
        int followed = 0;
        while (rest.TryPop(out string? name))
        {
            if (name == "..")
            {
                here = Path.GetDirectoryName(here) ?? here;
                continue;
            }

            string next = Path.Combine(here, name);
            if (new FileInfo(next).LinkTarget is not { } target)
            {
                here = next;
                continue;
            }

            links?.Add(next);
            if (++followed > MostLinks)
            {
                throw new IOException($"{Printable.Escape(path)} cannot be followed: its links lead in a circle, or there are more than {MostLinks}.");
            }

            if (Path.GetPathRoot(target) is { Length: > 0 } start)
            {
                here = start;
                target = target[start.Length..];
            }

            Push(rest, target);
        }

        return here;
    }

    private static void Push(Stack<string> rest, string path)
    {
        string[] names = path.Split([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries);
        for (int i = names.Length - 1; i >= 0; i--)
        {
            if (names[i] != ".")
            {
                rest.Push(names[i]);
            }
        }
    }
}
