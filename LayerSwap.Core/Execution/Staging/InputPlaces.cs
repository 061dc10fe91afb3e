using LayerSwap.Checkpoints;
using LayerSwap.Checkpoints.SafeTensors;
using LayerSwap.IO;

namespace LayerSwap.Execution;

/// <summary>Everything that inputs are made of and reached through, by device and inode: their files, the folders that are models, and every folder and link on the way to them.</summary>
internal sealed class InputPlaces
{
    private readonly Dictionary<(ulong, ulong), string> _files = [], _folders = [], _ways = [];
    private readonly Dictionary<string, string> _paths = new(StringComparer.Ordinal);
    private readonly List<(string Path, string Input)> _owned = [];
    private readonly MountTable _mounts = MountTable.Read();

    public static InputPlaces Of(IEnumerable<ICheckpoint> inputs, IReadOnlyList<WatchedFolder> watched)
    {
        InputPlaces places = new();
        foreach (ICheckpoint input in inputs.Distinct())
        {
            foreach (CheckpointFile file in input.Files)
            {
                places.AddFile(file.Path, input.Name);
            }

            // A model that is one file does not own the folder that it lies in.
            if (input.Folder is { } folder && AuxiliaryFiles.OwnerOf(input) is not SafeTensorsFile)
            {
                places.AddFolder(folder, input.Name);
            }
        }

        foreach (WatchedFolder folder in watched)
        {
            foreach (string name in folder.Files.Keys)
            {
                places.AddFile(Path.Combine(folder.Folder, name), folder.Folder);
            }
        }

        return places;
    }

    /// <summary>Finds an input that a place is, contains, lies in, or has a file of.</summary>
    /// <param name="place">A canonical path; it need not exist.</param>
    /// <returns>The input's name; null for none.</returns>
    public string? Meets(string place)
    {
        // The place is an input, or leads to one.
        if (Find(_ways, place) is { } around)
        {
            return around;
        }

        // The place lies in a model.
        if (RealPath.WithAncestors(place).Select(p => Find(_folders, p)).FirstOrDefault(f => f is not null) is { } within)
        {
            return within;
        }

        // The same through mounts, where a place has other folders above it.
        if (_mounts.PlaceOf(place) is { } there && _owned.Find(o => _mounts.PlaceOf(o.Path) is { } owned && owned.Device == there.Device && (RealPath.Contains(owned.Path, there.Path) || RealPath.Contains(there.Path, owned.Path))) is { Input: { } mounted })
        {
            return mounted;
        }

        // The place holds a file of an input under another name; in a staging folder that is one folder further in.
        return FileStatus.OfEntry(place)?.Kind == FileKind.Folder
            ? Entries(place).Concat(Entries(Path.Combine(place, PartialOutput.ModelName))).Concat(Entries(Path.Combine(place, PartialOutput.OldName)))
                .Select(e => Find(_ways, e) ?? Find(_files, e, follow: true)).FirstOrDefault(f => f is not null)
            : Find(_files, place, follow: true);
    }

    private static IEnumerable<string> Entries(string folder) => FileStatus.OfEntry(folder)?.Kind == FileKind.Folder ? Directory.EnumerateFileSystemEntries(folder) : [];

    private string? Find(Dictionary<(ulong, ulong), string> known, string path, bool follow = false) =>
        (follow ? FileStatus.Of(path) : FileStatus.OfEntry(path)) is not { } status ? null
            // A file system without inodes: compare canonical paths.
            : status.Identity.Inode == 0 ? _paths.GetValueOrDefault(path) is { } found && known.ContainsValue(found) ? found : null
            : known.GetValueOrDefault((status.Identity.Device, status.Identity.Inode));

    private void AddFile(string path, string input)
    {
        AddWay(path, input);
        Add(_files, RealPath.Of(path), input);
    }

    private void AddFolder(string path, string input)
    {
        AddWay(path, input);
        Own(RealPath.Of(path), input);
        if (HubCache.ModelOf(path) is { } model)
        {
            Own(model, input);
        }
    }

    private void Own(string folder, string input)
    {
        Add(_folders, folder, input);
        _owned.Add((folder, input));
    }

    private void AddWay(string path, string input)
    {
        foreach (string place in RealPath.WayTo(path))
        {
            Add(_ways, place, input);
        }
    }

    private void Add(Dictionary<(ulong, ulong), string> known, string path, string input)
    {
        if (FileStatus.OfEntry(path) is { } status)
        {
            known.TryAdd((status.Identity.Device, status.Identity.Inode), input);
            _paths.TryAdd(path, input);
        }
    }
}
