using LayerSwap.Checkpoints;
using LayerSwap.IO;

namespace LayerSwap.Execution;

/// <summary>
/// The paths that belong to inputs, by device and inode: their files, their model folders, and every folder and link on the way to them.
/// </summary>
internal sealed class InputPaths
{
    private readonly Dictionary<(ulong, ulong), string> _files = [], _folders = [], _ancestors = [];
    private readonly Dictionary<string, string> _paths = new(StringComparer.Ordinal);
    private readonly List<(string Path, string Input)> _modelFolders = [];
    private readonly MountTable _mounts = MountTable.Read();

    public static InputPaths Of(IEnumerable<ICheckpoint> inputs, IReadOnlyList<WatchedFolder> watched)
    {
        InputPaths places = new();
        foreach (ICheckpoint input in inputs.Distinct())
        {
            foreach (CheckpointFile file in input.Files)
            {
                places.AddFile(file.Path, input.Name);
            }

            // A model that is a single file does not own its folder.
            if (input.Folder is { } folder && !IsSingleFile(AuxiliaryFiles.FindOwner(input)))
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

    private static bool IsSingleFile(ICheckpoint? checkpoint) => checkpoint is { Files: [{ } file] } && file.Path == checkpoint.Name;

    /// <summary>Finds an input that a path is, contains, is inside of, or shares a file with.</summary>
    /// <param name="path">A canonical path, which need not exist.</param>
    /// <returns>The name of the input; null if there is none.</returns>
    public string? FindOverlap(string path)
    {
        // The path is an input, or above one.
        if (Find(_ancestors, path) is { } above)
        {
            return above;
        }

        // The path is inside a model folder.
        if (RealPath.WithAncestors(path).Select(p => Find(_folders, p)).FirstOrDefault(f => f is not null) is { } within)
        {
            return within;
        }

        // The path is inside or above a model folder through another mount.
        if (FindMounted(path) is { } mounted)
        {
            return mounted;
        }

        if (FileStatus.ReadEntry(path)?.Kind != FileKind.Folder)
        {
            return Find(_files, path, follow: true);
        }

        // The folder has a file of an input under another name. In a staging folder, files are one level deeper.
        return Entries(path)
            .Concat(Entries(Path.Combine(path, PartialOutput.ModelFolderName)))
            .Concat(Entries(Path.Combine(path, PartialOutput.OldFolderName)))
            .Select(e => Find(_ancestors, e) ?? Find(_files, e, follow: true))
            .FirstOrDefault(f => f is not null);
    }

    private static IEnumerable<string> Entries(string folder) =>
        FileStatus.ReadEntry(folder)?.Kind == FileKind.Folder ? Directory.EnumerateFileSystemEntries(folder) : [];

    private string? FindMounted(string path)
    {
        if (_mounts.Locate(path) is not { } place)
        {
            return null;
        }

        return _modelFolders.Find(Overlaps).Input;

        bool Overlaps((string Path, string Input) model) =>
            _mounts.Locate(model.Path) is { } folder
            && folder.Device == place.Device
            && (RealPath.Contains(folder.Path, place.Path) || RealPath.Contains(place.Path, folder.Path));
    }

    private string? Find(Dictionary<(ulong, ulong), string> known, string path, bool follow = false)
    {
        FileStatus? status = follow ? FileStatus.Read(path) : FileStatus.ReadEntry(path);
        if (status is null)
        {
            return null;
        }

        // On a file system without inodes, canonical paths are compared.
        if (status.Identity.Inode == 0)
        {
            return _paths.GetValueOrDefault(path) is { } found && known.ContainsValue(found) ? found : null;
        }

        return known.GetValueOrDefault((status.Identity.Device, status.Identity.Inode));
    }

    private void AddFile(string path, string input)
    {
        AddAncestors(path, input);
        Add(_files, RealPath.Resolve(path), input);
    }

    private void AddFolder(string path, string input)
    {
        AddAncestors(path, input);
        AddModelFolder(RealPath.Resolve(path), input);
        if (HubCache.FindModel(path) is { } model)
        {
            AddModelFolder(model, input);
        }
    }

    private void AddModelFolder(string folder, string input)
    {
        Add(_folders, folder, input);
        _modelFolders.Add((folder, input));
    }

    private void AddAncestors(string path, string input)
    {
        foreach (string ancestor in RealPath.ListTraversedPaths(path))
        {
            Add(_ancestors, ancestor, input);
        }
    }

    private void Add(Dictionary<(ulong, ulong), string> known, string path, string input)
    {
        if (FileStatus.ReadEntry(path) is { } status)
        {
            known.TryAdd((status.Identity.Device, status.Identity.Inode), input);
            _paths.TryAdd(path, input);
        }
    }
}
