using LayerSwap.IO;

namespace LayerSwap.Execution;

/// <summary>
/// What lies in a staging folder when nobody works in it. A file there is LayerSwap's only if LayerSwap made it: a regular file of an expected name with no other name, of the same owner. Whatever
/// else is there is foreign: never followed, opened, changed or removed.
/// </summary>
internal sealed class PartialOutput
{
    public const string JournalName = "journal", ModelName = "model", OldName = "old";

    private PartialOutput(string folder) => Folder = folder;

    public string Folder { get; }

    /// <summary>What the journal says; null if there is none, or its first line is damaged.</summary>
    public JournalHead? Journal { get; private init; }

    /// <summary>Whether something is at the journal's place, whole or not.</summary>
    public bool HasJournal { get; private init; }

    /// <summary>Whether the target is this run's new model already.</summary>
    public bool IsPublished { get; private init; }

    /// <summary>Where the output from before lies, if it stepped aside: the only copy of it.</summary>
    public string? Old { get; private init; }

    /// <summary>The paths of the files that LayerSwap made in the model's folder.</summary>
    public IReadOnlyList<string> Made { get; private init; } = [];

    /// <summary>The paths of folders in the model's folder that LayerSwap makes, outermost first.</summary>
    public IReadOnlyList<string> MadeFolders { get; private init; } = [];

    /// <summary>The paths of everything that LayerSwap did not make.</summary>
    public IReadOnlyList<string> Foreign { get; private init; } = [];

    /// <summary>Looks at a staging folder.</summary>
    /// <param name="target">The output that it belongs to.</param>
    /// <param name="folder">The staging folder.</param>
    /// <param name="names">Names of files that a run of the same plan makes, for where the journal is damaged.</param>
    /// <param name="owner">The user id that LayerSwap's files have; null for any.</param>
    public static PartialOutput Read(string target, string folder, IReadOnlyCollection<string> names, uint? owner = null)
    {
        List<string> foreign = [], made = [], madeFolders = [];
        if (FileStatus.OfEntry(folder)?.Kind != FileKind.Folder)
        {
            return new PartialOutput(folder) { Foreign = [folder] };
        }

        string journal = Path.Combine(folder, JournalName), model = Path.Combine(folder, ModelName), old = Path.Combine(folder, OldName);
        bool hasModel = false, hasOld = false, hasJournal = FileStatus.OfEntry(journal) is not null;
        foreach (string path in Directory.EnumerateFileSystemEntries(folder).Order(StringComparer.Ordinal))
        {
            FileStatus? status = FileStatus.OfEntry(path);
            bool own = status is null || Path.GetFileName(path) switch
            {
                JournalName or OutputLock.LockName or OutputLock.OwnerName => IsOwn(status, owner),
                ModelName => hasModel = status.Kind == FileKind.Folder,
                OldName => hasOld = status.Kind == FileKind.Folder,
                _ => false,
            };
            if (!own)
            {
                foreign.Add(path);
            }
        }

        JournalHead? head = foreign.Contains(journal) ? null : Execution.Journal.ReadHead(journal);
        FileStatus? there = FileStatus.OfEntry(target);
        // Where there are no inodes nothing exchanges names either: an old output that stepped aside, with no model left to come, tells.
        ulong? inode = head?.PublishedInode;
        bool published = inode is not null && there is not null && (inode != 0 ? there.Identity.Inode == inode : hasOld && !hasModel && StagingFolder.Occupied(target));
        // Once names were to be exchanged, a folder there that is not the new model is the old one, wherever the new one is now.
        bool exchanged = published || (hasModel && inode is > 0 && FileStatus.OfEntry(model)!.Identity.Inode != inode);
        if (hasModel && !exchanged)
        {
            // Without a journal no run has worked here: whatever lies in the folder is somebody else's.
            HashSet<string> expected = hasJournal && !foreign.Contains(journal) ? [.. head?.Files ?? names] : [];
            Stack<string> folders = new([model]);
            while (folders.TryPop(out string? at))
            {
                foreach (string path in Directory.EnumerateFileSystemEntries(at).Order(StringComparer.Ordinal))
                {
                    FileStatus? status = FileStatus.OfEntry(path);
                    string name = Path.GetRelativePath(model, path);
                    if (status?.Kind == FileKind.Folder && expected.Any(e => e.StartsWith(name + "/", StringComparison.Ordinal)))
                    {
                        folders.Push(path);
                        madeFolders.Add(path);
                    }
                    else
                    {
                        (status is not null && expected.Contains(name) && (IsOwn(status, owner) || IsPart(target, status)) ? made : foreign).Add(path);
                    }
                }
            }
        }

        return new PartialOutput(folder)
        {
            Journal = head,
            HasJournal = hasJournal,
            IsPublished = published,
            // After an exchange of names the old output lies where the model was made.
            Old = hasOld ? old : exchanged && hasModel ? model : null,
            Made = made,
            MadeFolders = madeFolders,
            Foreign = foreign,
        };
    }

    /// <exception cref="OutputException">Something in it is not LayerSwap's.</exception>
    public PartialOutput RequireOwn(string target) => Foreign.Count == 0 ? this : throw OutputErrors.Foreign(target, Folder, Foreign);

    private static bool IsOwn(FileStatus status, uint? owner) => status.Kind == FileKind.File && status.Links == 1 && (owner is null || status.Owner is null || status.Owner == owner);

    /// <summary>Whether a file with two names is one that finishing parts gave its second name.</summary>
    private static bool IsPart(string target, FileStatus status) =>
        status.Kind == FileKind.File && status.Links == 2 && PartFolders.FilesOf(target).Any(f => FileStatus.OfEntry(f)?.Identity.SameFile(status.Identity) == true);
}
