using LayerSwap.IO;

namespace LayerSwap.Checkpoints;

/// <summary>The identities of the auxiliary files that a merge depends on, at the time it was planned.</summary>
/// <param name="Folder">The canonical path of the folder.</param>
/// <param name="Files">The identity of each file, by name.</param>
internal sealed record WatchedFolder(string Folder, IReadOnlyDictionary<string, FileIdentity> Files)
{
    /// <summary>Records the folders of checkpoints, each once.</summary>
    public static IReadOnlyList<WatchedFolder> Of(IEnumerable<ICheckpoint> checkpoints)
    {
        Dictionary<string, WatchedFolder> watched = new(StringComparer.Ordinal);
        foreach (ICheckpoint owner in checkpoints.Select(AuxiliaryFiles.FindOwner))
        {
            if (owner is IComputedCheckpoint computed)
            {
                foreach (WatchedFolder folder in computed.Watched)
                {
                    watched.TryAdd(folder.Folder, folder);
                }
            }
            else if (owner.Folder is { } path && Directory.Exists(RealPath.Resolve(path)))
            {
                string real = RealPath.Resolve(path);
                watched.TryAdd(real, new WatchedFolder(real, Read(real)));
            }
        }

        return [.. watched.Values];
    }

    /// <summary>Finds a file that has changed, appeared or vanished.</summary>
    /// <returns>Its path and the difference; null if there is none.</returns>
    public (string Path, string Difference)? FindChange()
    {
        Dictionary<string, FileIdentity> current = Directory.Exists(Folder) ? Read(Folder) : [];
        foreach ((string name, FileIdentity before) in Files)
        {
            if (!current.TryGetValue(name, out FileIdentity? after) || after != before)
            {
                return (Path.Combine(Folder, name), after is null ? "it is not there any more" : before.DescribeChange(after));
            }
        }

        return current.Keys.FirstOrDefault(n => !Files.ContainsKey(n)) is { } added
            ? (Path.Combine(Folder, added), "it was not there")
            : null;
    }

    private static Dictionary<string, FileIdentity> Read(string folder)
    {
        Dictionary<string, FileIdentity> files = new(StringComparer.Ordinal);
        foreach (string name in AuxiliaryFiles.ListInputs(folder))
        {
            // A broken link is recorded itself; reading or copying the file refuses it.
            string path = Path.Combine(folder, name);
            if ((FileStatus.Read(InputFile.ResolvePath(path)) ?? FileStatus.ReadEntry(path)) is { } status)
            {
                files.Add(name, status.Identity);
            }
        }

        return files;
    }
}
