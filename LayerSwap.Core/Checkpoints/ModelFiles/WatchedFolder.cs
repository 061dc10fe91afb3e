using LayerSwap.IO;

namespace LayerSwap.Checkpoints;

/// <summary>The files beside the weights that a merge depends on, as they were when it was planned: they are inputs like the weights.</summary>
/// <param name="Folder">The canonical path.</param>
/// <param name="Files">The identity of each file, by name.</param>
internal sealed record WatchedFolder(string Folder, IReadOnlyDictionary<string, FileIdentity> Files)
{
    /// <summary>The folders of checkpoints, each once.</summary>
    public static IReadOnlyList<WatchedFolder> Of(IEnumerable<ICheckpoint> checkpoints)
    {
        Dictionary<string, WatchedFolder> watched = new(StringComparer.Ordinal);
        foreach (ICheckpoint owner in checkpoints.Select(AuxiliaryFiles.OwnerOf))
        {
            if (owner is IComputedCheckpoint computed)
            {
                foreach (WatchedFolder folder in computed.Watched)
                {
                    watched.TryAdd(folder.Folder, folder);
                }
            }
            else if (owner.Folder is { } path && Directory.Exists(RealPath.Of(path)))
            {
                string real = RealPath.Of(path);
                watched.TryAdd(real, new WatchedFolder(real, Read(real)));
            }
        }

        return [.. watched.Values];
    }

    /// <summary>Finds a file that is not what it was.</summary>
    /// <returns>Its path and what differs; null if nothing does.</returns>
    public (string Path, string Difference)? FindChange()
    {
        Dictionary<string, FileIdentity> now = Directory.Exists(Folder) ? Read(Folder) : [];
        foreach ((string name, FileIdentity before) in Files)
        {
            if (!now.TryGetValue(name, out FileIdentity? after) || after != before)
            {
                return (Path.Combine(Folder, name), after is null ? "it is not there any more" : before.Difference(after));
            }
        }

        return now.Keys.FirstOrDefault(n => !Files.ContainsKey(n)) is { } appeared ? (Path.Combine(Folder, appeared), "it was not there") : null;
    }

    private static Dictionary<string, FileIdentity> Read(string folder)
    {
        Dictionary<string, FileIdentity> files = new(StringComparer.Ordinal);
        foreach (string name in AuxiliaryFiles.InputsIn(folder))
        {
            // The file that a link leads to; of a link that leads nowhere, and so is refused where it matters, itself.
            if ((FileStatus.Of(InputFile.RealOf(Path.Combine(folder, name))) ?? FileStatus.OfEntry(Path.Combine(folder, name))) is { } status)
            {
                files.Add(name, status.Identity);
            }
        }

        return files;
    }
}
