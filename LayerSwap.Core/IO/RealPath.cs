namespace LayerSwap.IO;

/// <summary>
/// Canonical paths as from realpath(3): every symbolic link is followed, and <c>..</c> is applied after the link before it. Components
/// that do not exist are kept. .NET resolves <c>..</c> as text, so user paths are resolved here first.
/// </summary>
internal static class RealPath
{
    private const int MaxLinks = 40;

    /// <summary>Resolves a path to its canonical form.</summary>
    /// <exception cref="IOException">The symbolic links form a loop.</exception>
    /// <exception cref="ArgumentException">The text cannot be a path.</exception>
    public static string Resolve(string path) => Follow(path, links: null);

    /// <summary>Resolves the parent folder of a path. A link in the last component is not followed.</summary>
    /// <exception cref="IOException">The symbolic links form a loop.</exception>
    public static string ResolveFolder(string path)
    {
        string? folder = Path.GetDirectoryName(path);
        return Resolve(!string.IsNullOrEmpty(folder) ? folder : Path.IsPathRooted(path) ? path : ".");
    }

    /// <summary>
    /// Lists every path that resolving depends on: the canonical path, each link on the way, and the ancestors of both. If one of them
    /// changes, the path can refer to another file.
    /// </summary>
    /// <exception cref="IOException">The symbolic links form a loop.</exception>
    public static IReadOnlyCollection<string> ListTraversedPaths(string path)
    {
        List<string> links = [];
        string real = Follow(path, links);
        return links.Append(real).SelectMany(WithAncestors).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>Lists a canonical path and its ancestors, innermost first.</summary>
    public static IEnumerable<string> WithAncestors(string real)
    {
        for (string? current = real; current is not null; current = Path.GetDirectoryName(current))
        {
            yield return current;
        }
    }

    /// <summary>Whether a path is a folder or is inside it. Both must be canonical.</summary>
    public static bool Contains(string folder, string path)
    {
        string prefix = Path.EndsInDirectorySeparator(folder) ? folder : folder + Path.DirectorySeparatorChar;
        return path == folder || path.StartsWith(prefix, StringComparison.Ordinal);
    }

    private static string Follow(string path, List<string>? links)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
        {
            string reason = path.Length == 0 ? "it is empty" : "it contains a NUL character";
            throw new ArgumentException($"'{Printable.Escape(path)}' is not a path: {reason}.");
        }

        // Windows itself resolves .. as text.
        string absolute = OperatingSystem.IsWindows() ? Path.GetFullPath(path)
            : Path.IsPathRooted(path) ? path
            : Path.Combine(Environment.CurrentDirectory, path);
        string root = Path.GetPathRoot(absolute)!, current = root;
        Stack<string> remaining = new();
        Push(remaining, absolute[root.Length..]);
        int followed = 0;
        while (remaining.TryPop(out string? name))
        {
            if (name == "..")
            {
                current = Path.GetDirectoryName(current) ?? current;
                continue;
            }

            string next = Path.Combine(current, name);
            if (new FileInfo(next).LinkTarget is not { } target)
            {
                current = next;
                continue;
            }

            links?.Add(next);
            if (++followed > MaxLinks)
            {
                throw new IOException($"{Printable.Escape(path)} cannot be resolved: its symbolic links form a loop, "
                    + $"or there are more than {MaxLinks}.");
            }

            if (Path.GetPathRoot(target) is { Length: > 0 } targetRoot)
            {
                current = targetRoot;
                target = target[targetRoot.Length..];
            }

            Push(remaining, target);
        }

        return current;
    }

    private static void Push(Stack<string> remaining, string path)
    {
        string[] names = path.Split([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries);
        for (int i = names.Length - 1; i >= 0; i--)
        {
            if (names[i] != ".")
            {
                remaining.Push(names[i]);
            }
        }
    }
}
