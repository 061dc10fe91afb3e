using LayerSwap.IO;

namespace LayerSwap.Checkpoints;

/// <summary>
/// The Hub's cache: <c>models--owner--name/snapshots/commit</c> holds links into <c>models--owner--name/blobs</c>, and <c>refs/revision</c> the commit that a branch or tag stood for when it was
/// fetched.
/// </summary>
internal static class HubCache
{
    private const string Prefix = "models--", Snapshots = "snapshots", References = "refs", MainRevision = "main";
    private const int LongestReference = 256;

    /// <summary>The folder of a model in the cache, given the folder of one of its snapshots.</summary>
    /// <returns>Null if the folder is no snapshot.</returns>
    public static string? ModelOf(string snapshot)
    {
        string? snapshots = Path.GetDirectoryName(RealPath.Of(snapshot)), model = Path.GetDirectoryName(snapshots);
        return Path.GetFileName(snapshots) == Snapshots && Path.GetFileName(model)?.StartsWith(Prefix, StringComparison.Ordinal) == true ? model : null;
    }

    /// <summary>Whether a folder is a model of the cache, with its snapshots in it.</summary>
    public static bool IsModel(string folder) => Path.GetFileName(RealPath.Of(folder)).StartsWith(Prefix, StringComparison.Ordinal) && Directory.Exists(Path.Combine(RealPath.Of(folder), Snapshots));

    /// <summary>Finds the snapshot of a model by its name on the Hub, in a folder that is laid out as the cache is.</summary>
    /// <param name="cache">The folder.</param>
    /// <param name="name"><c>owner/name</c> or <c>owner/name@revision</c>.</param>
    /// <returns>The folder of the snapshot; null if the cache has no such model, or the name is none.</returns>
    /// <exception cref="CheckpointException">The cache has the model, but not this revision.</exception>
    public static string? Find(string cache, string name)
    {
        string[] parts = name.Split('@', 2), path = parts[0].Split('/');
        string? model = path.Length == 2 && path.All(p => p.Length > 0 && p is not ("." or "..")) ? Path.Combine(cache, $"{Prefix}{path[0]}--{path[1]}") : null;
        return model is not null && Directory.Exists(RealPath.Of(model)) ? SnapshotOf(model, parts.Length > 1 ? parts[1] : null) : null;
    }

    /// <summary>Finds the snapshot that a revision names: <c>refs</c> decides; a commit names its own.</summary>
    /// <param name="model">The folder of a model in the cache.</param>
    /// <param name="revision">A branch, a tag or a commit; null for <c>main</c>, or the only snapshot there is.</param>
    /// <exception cref="CheckpointException">There is no such revision.</exception>
    public static string SnapshotOf(string model, string? revision)
    {
        string snapshots = Path.Combine(model, Snapshots), real = RealPath.Of(snapshots), wanted = revision ?? MainRevision, reference = RealPath.Of(Path.Combine(model, References, wanted));
        string[] commits = Directory.Exists(real) ? [.. Directory.EnumerateDirectories(real).Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal)] : [];
        if (wanted.Split('/').All(p => p is not ("" or "." or "..")) && FileStatus.Of(reference) is { Kind: FileKind.File, Identity.Length: > 0 and < LongestReference })
        {
            string commit = System.Text.Encoding.UTF8.GetString(InputFile.ReadAll(reference, LongestReference)).Trim();
            return commits.Contains(commit, StringComparer.Ordinal) ? Path.Combine(snapshots, commit)
                : throw new CheckpointException(model, null, $"{Printable.Escape(model)}: revision {Printable.Escape(wanted)} is commit {Printable.Escape(commit)}, whose snapshot is not there. Remedy: fetch the model again.");
        }

        if (commits.Contains(wanted, StringComparer.Ordinal))
        {
            return Path.Combine(snapshots, wanted);
        }

        if (revision is null && commits.Length == 1)
        {
            return Path.Combine(snapshots, commits[0]);
        }

        throw new CheckpointException(model, null, $"{Printable.Escape(model)} has no revision {Printable.Escape(wanted)}; it has {(commits.Length == 0 ? "no snapshot" : "the commits " + string.Join(", ", commits.Take(5).Select(Printable.Escape)))}. "
            + "Remedy: fetch that revision, or name one that is there (owner/name@revision).");
    }
}
