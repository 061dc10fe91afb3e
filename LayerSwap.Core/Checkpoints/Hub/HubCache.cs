using LayerSwap.IO;

namespace LayerSwap.Checkpoints;

/// <summary>
/// Finds models in the Hub's cache. <c>models--owner--name/snapshots/commit</c> has links into <c>models--owner--name/blobs</c>;
/// <c>refs/revision</c> has the commit of a branch or tag at the time it was fetched.
/// </summary>
internal static class HubCache
{
    private const string Prefix = "models--", Snapshots = "snapshots", References = "refs", MainRevision = "main";
    private const int MaxReferenceLength = 256;

    /// <summary>Finds the folder of a model in the cache from the folder of one of its snapshots.</summary>
    /// <returns>Null if the folder is not a snapshot.</returns>
    public static string? FindModel(string snapshot)
    {
        string? snapshots = Path.GetDirectoryName(RealPath.Resolve(snapshot)), model = Path.GetDirectoryName(snapshots);
        bool isSnapshot = Path.GetFileName(snapshots) == Snapshots
            && Path.GetFileName(model)?.StartsWith(Prefix, StringComparison.Ordinal) == true;
        return isSnapshot ? model : null;
    }

    /// <summary>Whether a folder is a model of the cache, with its snapshots in it.</summary>
    public static bool IsModel(string folder) =>
        Path.GetFileName(RealPath.Resolve(folder)).StartsWith(Prefix, StringComparison.Ordinal)
        && Directory.Exists(Path.Combine(RealPath.Resolve(folder), Snapshots));

    /// <summary>Finds the snapshot of a model by its name on the Hub.</summary>
    /// <param name="cache">A folder with the layout of the cache.</param>
    /// <param name="name"><c>owner/name</c> or <c>owner/name@revision</c>.</param>
    /// <returns>The folder of the snapshot; null if the cache has no such model, or the name is not valid.</returns>
    /// <exception cref="CheckpointException">The cache has the model, but not this revision.</exception>
    public static string? Find(string cache, string name)
    {
        string[] parts = name.Split('@', 2), path = parts[0].Split('/');
        if (path.Length != 2 || path.Any(p => p is "" or "." or ".."))
        {
            return null;
        }

        string model = Path.Combine(cache, $"{Prefix}{path[0]}--{path[1]}");
        return Directory.Exists(RealPath.Resolve(model)) ? FindSnapshot(model, parts.Length > 1 ? parts[1] : null) : null;
    }

    /// <summary>Finds the snapshot of a revision: <c>refs/revision</c> first, then a commit of that name.</summary>
    /// <param name="model">The folder of a model in the cache.</param>
    /// <param name="revision">A branch, a tag or a commit; null for <c>main</c>, or else the only snapshot.</param>
    /// <exception cref="CheckpointException">There is no such revision.</exception>
    public static string FindSnapshot(string model, string? revision)
    {
        string snapshots = Path.Combine(model, Snapshots), real = RealPath.Resolve(snapshots), wanted = revision ?? MainRevision;
        string reference = RealPath.Resolve(Path.Combine(model, References, wanted)), shown = Printable.Escape(model);
        string[] commits = Directory.Exists(real)
            ? [.. Directory.EnumerateDirectories(real).Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal)]
            : [];
        if (wanted.Split('/').All(p => p is not ("" or "." or ".."))
            && FileStatus.Read(reference) is { Kind: FileKind.File, Identity.Length: > 0 and < MaxReferenceLength })
        {
            string commit = System.Text.Encoding.UTF8.GetString(InputFile.ReadAll(reference, MaxReferenceLength)).Trim();
            return commits.Contains(commit, StringComparer.Ordinal)
                ? Path.Combine(snapshots, commit)
                : throw new CheckpointException(model, null,
                    $"{shown}: revision {Printable.Escape(wanted)} is commit {Printable.Escape(commit)}, which has no snapshot there. "
                    + "Remedy: fetch the model again.");
        }

        if (commits.Contains(wanted, StringComparer.Ordinal))
        {
            return Path.Combine(snapshots, wanted);
        }

        if (revision is null && commits.Length == 1)
        {
            return Path.Combine(snapshots, commits[0]);
        }

        string found = commits.Length == 0 ? "no snapshot" : "the commits " + string.Join(", ", commits.Take(5).Select(Printable.Escape));
        throw new CheckpointException(model, null, $"{shown} has no revision {Printable.Escape(wanted)}; it has {found}. "
            + "Remedy: fetch that revision, or name one that is there (owner/name@revision).");
    }
}
