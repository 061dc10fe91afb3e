using LayerSwap.IO;

namespace LayerSwap.Execution;

/// <summary>
/// The contents of a staging folder that no run is using. A file is LayerSwap's own only if it is a regular file with an expected name, one
/// link, and the same owner. All other entries are foreign: never followed, opened, changed or deleted.
/// </summary>
internal sealed class PartialOutput
{
    public const string JournalFileName = "journal", ModelFolderName = "model", OldFolderName = "old";

    private PartialOutput(string folder) => Folder = folder;

    public string Folder { get; }

    /// <summary>The header of the journal; null if there is no journal, or its first line is damaged.</summary>
    public JournalHeader? Journal { get; private init; }

    /// <summary>Whether the journal exists, damaged or not.</summary>
    public bool HasJournal { get; private init; }

    /// <summary>Whether the target is already the new model of this run.</summary>
    public bool IsPublished { get; private init; }

    /// <summary>The path of the previous output, if it was moved here: its only copy.</summary>
    public string? OldOutput { get; private init; }

    /// <summary>The paths of the files that LayerSwap created in the model folder.</summary>
    public IReadOnlyList<string> CreatedFiles { get; private init; } = [];

    /// <summary>The paths of the subfolders that LayerSwap created in the model folder, outermost first.</summary>
    public IReadOnlyList<string> CreatedFolders { get; private init; } = [];

    /// <summary>The paths of all entries that LayerSwap did not create.</summary>
    public IReadOnlyList<string> Foreign { get; private init; } = [];

    /// <summary>Reads the contents of a staging folder.</summary>
    /// <param name="target">The path of the output.</param>
    /// <param name="folder">The staging folder.</param>
    /// <param name="names">The names of the files that the plan creates; used if the journal is damaged.</param>
    /// <param name="owner">The user id of LayerSwap's files; null for any.</param>
    public static PartialOutput Read(string target, string folder, IReadOnlyCollection<string> names, uint? owner = null)
    {
        List<string> foreign = [], created = [], createdFolders = [];
        if (FileStatus.ReadEntry(folder)?.Kind != FileKind.Folder)
        {
            return new PartialOutput(folder) { Foreign = [folder] };
        }

        string journal = Path.Combine(folder, JournalFileName);
        string model = Path.Combine(folder, ModelFolderName);
        string old = Path.Combine(folder, OldFolderName);
        bool hasModel = false, hasOld = false, hasJournal = FileStatus.ReadEntry(journal) is not null;
        foreach (string path in Directory.EnumerateFileSystemEntries(folder).Order(StringComparer.Ordinal))
        {
            FileStatus? status = FileStatus.ReadEntry(path);
            bool own = status is null || Path.GetFileName(path) switch
            {
                JournalFileName or OutputLock.LockFileName or OutputLock.OwnerFileName => IsOwn(status, owner),
                ModelFolderName => hasModel = status.Kind == FileKind.Folder,
                OldFolderName => hasOld = status.Kind == FileKind.Folder,
                _ => false,
            };
            if (!own)
            {
                foreign.Add(path);
            }
        }

        JournalHeader? head = foreign.Contains(journal) ? null : Execution.Journal.ReadHeader(journal);
        FileStatus? current = FileStatus.ReadEntry(target);
        ulong? inode = head?.PublishedInode;
        bool published = inode switch
        {
            null => false,
            // Without inodes there is no atomic exchange: the old output was moved here first, and then the model moved to the target.
            0 => current is not null && hasOld && !hasModel && StagingFolder.IsNonEmptyFolder(target),
            _ => current?.Identity.Inode == inode,
        };
        // After an atomic exchange, the model folder is the old output, even if the new model was moved away from the target.
        bool exchanged = published || (hasModel && inode is > 0 && FileStatus.ReadEntry(model)!.Identity.Inode != inode);
        if (hasModel && !exchanged)
        {
            // Every run writes its journal first. Without a journal, all files are foreign.
            HashSet<string> expected = hasJournal && !foreign.Contains(journal) ? [.. head?.Files ?? names] : [];
            Stack<string> folders = new([model]);
            while (folders.TryPop(out string? parent))
            {
                foreach (string path in Directory.EnumerateFileSystemEntries(parent).Order(StringComparer.Ordinal))
                {
                    FileStatus? status = FileStatus.ReadEntry(path);
                    string name = Path.GetRelativePath(model, path);
                    if (status?.Kind == FileKind.Folder && expected.Any(e => e.StartsWith(name + "/", StringComparison.Ordinal)))
                    {
                        folders.Push(path);
                        createdFolders.Add(path);
                    }
                    else if (status is not null && expected.Contains(name) && (IsOwn(status, owner) || IsPart(target, status)))
                    {
                        created.Add(path);
                    }
                    else
                    {
                        foreign.Add(path);
                    }
                }
            }
        }

        return new PartialOutput(folder)
        {
            Journal = head,
            HasJournal = hasJournal,
            IsPublished = published,
            // After an exchange, the old output is at the model's path.
            OldOutput = hasOld ? old : exchanged && hasModel ? model : null,
            CreatedFiles = created,
            CreatedFolders = createdFolders,
            Foreign = foreign,
        };
    }

    /// <summary>Requires that the folder has no foreign entries.</summary>
    /// <exception cref="OutputException">The folder has foreign entries.</exception>
    public PartialOutput RequireNoForeign(string target) =>
        Foreign.Count == 0 ? this : throw OutputErrors.Foreign(target, Folder, Foreign);

    private static bool IsOwn(FileStatus status, uint? owner) =>
        status.Kind == FileKind.File && status.Links == 1 && (owner is null || status.Owner is null || status.Owner == owner);

    /// <summary>Checks whether a file with two links is a weight file of a part, which assembling links into the model folder.</summary>
    private static bool IsPart(string target, FileStatus status) =>
        status.Kind == FileKind.File
        && status.Links == 2
        && PartFolders.FilesOf(target).Any(f => FileStatus.ReadEntry(f)?.Identity.IsSameFile(status.Identity) == true);
}
