using LayerSwap.IO;

namespace LayerSwap.Execution;

/// <summary>
/// The folder beside the target that a merge is made in: the model as it grows, the journal, and a lock that ends with its process. At the end the model gets the target's name by one rename;
/// before that the target is as it was. The output that it replaces is never removed before the new one is published and synced.
/// </summary>
internal sealed class StagingFolder : IDisposable
{
    public const string Suffix = ".layerswap-partial";

    /// <summary>The longest name that Linux file systems take, in bytes of UTF-8.</summary>
    private const int LongestName = 255;

    private readonly IFileOperations _files;
    private readonly OutputLock _lock;
    private readonly IReadOnlyList<string> _madeParents;
    private readonly IReadOnlyList<string> _names;
    private readonly bool _durable;
    private readonly Action _requirePlace;
    private Journal? _journal;
    private bool _replaces;
    private FileIdentity? _model;
    private bool _ended;

    private StagingFolder(IFileOperations files, string target, OutputLock @lock, IReadOnlyList<string> madeParents, IReadOnlyList<string> names, bool durable, Action requirePlace)
    {
        _files = files;
        Target = target;
        _lock = @lock;
        _madeParents = madeParents;
        _names = names;
        _durable = durable;
        _requirePlace = requirePlace;
    }

    public string Target { get; }

    public string Folder => FolderOf(Target);

    /// <summary>Where the model is written.</summary>
    public string Model => Path.Combine(Folder, PartialOutput.ModelName);

    public Journal Journal => _journal!;

    /// <summary>Whether what is done stays to be continued if the work ends early.</summary>
    public bool Keep { get; set; }

    /// <summary>Whether the target is the new model already.</summary>
    public bool Published { get; private set; }

    /// <summary>Whether there is something that could be continued.</summary>
    public bool Resumable => _journal is { Done.Count: > 0 };

    /// <exception cref="OutputException">The name is too long, or the path has no name.</exception>
    public static string FolderOf(string target) => Beside(target, Suffix);

    /// <summary>The hidden folder beside an output with a suffix.</summary>
    /// <inheritdoc cref="FolderOf"/>
    public static string Beside(string target, string suffix)
    {
        if (Path.GetDirectoryName(target) is not { } parent)
        {
            throw new OutputException(target, $"{Printable.Escape(target)} is the root of a file system; an output folder is expected.");
        }

        string name = $".{Path.GetFileName(target)}{suffix}";
        return System.Text.Encoding.UTF8.GetByteCount(name) <= LongestName ? Path.Combine(parent, name)
            : throw new OutputException(target, $"{Printable.Escape(target)}: its last part is too long; at most {LongestName - 1 - Suffix.Length} bytes are possible, since a folder beside it has a longer name. Remedy: choose a shorter one.");
    }

    /// <summary>Opens a staging folder, or continues the one that an earlier run left.</summary>
    /// <param name="target">The canonical path of the output.</param>
    /// <param name="plan">What will be made.</param>
    /// <param name="options">How.</param>
    /// <param name="names">The names of all files that will be made.</param>
    /// <param name="requirePlace">Throws if the output may no longer be at its place; called again before publishing.</param>
    /// <exception cref="OutputException">The target is not free, or there is no room, no permission, another run, or what another run has left.</exception>
    public static StagingFolder Open(string target, MergePlan plan, SaveOptions options, IReadOnlyList<string> names, Action requirePlace)
    {
        string parent = Path.GetDirectoryName(target)!, folder = FolderOf(target);
        List<string> made = [.. RealPath.WithAncestors(parent).TakeWhile(p => !Directory.Exists(p))];
        IFileOperations files = options.Files;
        OutputLock? held = null;
        StagingFolder? space = null;
        bool ours = false;
        try
        {
            if (made.Count > 0)
            {
                files.CreateFolder(parent);
                foreach (string above in options.Durable ? made.Select(m => Path.GetDirectoryName(m)!) : [])
                {
                    files.SyncFolder(above);
                }
            }

            ours = FileStatus.OfEntry(folder) is null;
            if (!ours)
            {
                PartialOutput.Read(target, folder, names).RequireOwn(target);
            }

            files.CreateFolder(folder);
            held = OutputLock.Take(target, folder);
            space = new StagingFolder(files, target, held, made, names, options.Durable, requirePlace);
            space.Begin(plan, options);
            return space;
        }
        catch (Exception e)
        {
            space?._journal?.Dispose();
            using (held)
            {
                // Only under the lock: without it the folder is that of another run, which began at the same moment.
                if (held is not null && ours)
                {
                    RemoveMade(files, PartialOutput.Read(target, folder, names));
                    held.Remove(files);
                }
            }

            RemoveParents(made);
            if (e is IOException or UnauthorizedAccessException)
            {
                throw OutputErrors.Failed(target, e, plan.WriteBytes);
            }

            throw;
        }
    }

    /// <summary>Removes what an ended run made beside an output; brings the old output back if it stepped aside and the new one did not come.</summary>
    /// <param name="target">The canonical path of the output.</param>
    /// <param name="files">The file system.</param>
    /// <param name="verified">Whether the output was compared with its record just now.</param>
    /// <returns>False if nothing is there.</returns>
    /// <exception cref="OutputException">The run has not ended, or something there is not LayerSwap's and stays; or it is in doubt which of two outputs is wanted.</exception>
    public static bool Clean(string target, IFileOperations files, bool verified = false)
    {
        string folder = FolderOf(target);
        if (FileStatus.OfEntry(folder) is not { } status)
        {
            return false;
        }

        string foreign = status.Kind != FileKind.Folder ? folder : Path.Combine(folder, OutputLock.LockName);
        if (PartialOutput.Read(target, folder, []).Foreign.Contains(foreign, StringComparer.Ordinal))
        {
            throw OutputErrors.Foreign(target, folder, [foreign]);
        }

        using OutputLock held = OutputLock.Take(target, folder);
        PartialOutput left = PartialOutput.Read(target, folder, []);
        if (left.Old is { } old)
        {
            if (!Occupied(target))
            {
                BringBack(files, old, target);
            }
            else if (left.IsPublished && (verified || Verifier.IsIntact(target)))
            {
                files.SyncFolder(Path.GetDirectoryName(target)!);
                ModelFolder.Read(old).Remove(files, old);
            }
            else
            {
                throw InDoubt(target, old);
            }
        }

        RemoveMade(files, left);
        held.Remove(files);
        string[] rest = Directory.Exists(folder) ? [.. Directory.EnumerateFileSystemEntries(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint }).Where(f => !Directory.Exists(f))] : [];
        return rest.Length == 0 && !Directory.Exists(folder) ? true : throw OutputErrors.ForeignLeft(target, folder, left.Foreign.Count > 0 ? left.Foreign : rest.Length > 0 ? rest : [folder]);
    }

    /// <summary>Whether something is at the target that must not be lost.</summary>
    public static bool Occupied(string target) => Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any();

    /// <summary>Gives the model the target's name. Everything is synced before, and the name after.</summary>
    /// <returns>What is left in the staging folder, because LayerSwap did not make it: the paths.</returns>
    public IReadOnlyList<string> Publish()
    {
        if (_durable)
        {
            _files.SyncFolder(Model);
        }

        _requirePlace();
        RequireSameModel();
        ModelFolder? old = _replaces ? ModelFolder.RequireReplaceable(Target, Printable.Escape(Target)) : null;
        Journal.Publish(_model!.Inode, _durable);
        string aside = Model;
        if (old is not null)
        {
            if (!_files.TryExchange(Model, Target))
            {
                // Without an exchange the old one steps aside; a run killed between is completed by --resume.
                aside = Path.Combine(Folder, PartialOutput.OldName);
                _files.Move(Target, aside);
                try
                {
                    _files.Move(Model, Target);
                }
                catch
                {
                    _files.Move(aside, Target);
                    throw;
                }
            }
        }
        else
        {
            if (Directory.Exists(Target))
            {
                // Empty, or it would be replaced: see above. One that was filled meanwhile is not removed.
                Directory.Delete(Target);
            }

            _files.Move(Model, Target);
        }

        Published = true;
        Keep = false;
        if (_durable)
        {
            _files.SyncFolder(Path.GetDirectoryName(Target)!);
        }

        old?.Remove(_files, aside);
        _journal!.Dispose();
        _files.DeleteFile(Path.Combine(Folder, PartialOutput.JournalName));
        _lock.Remove(_files);
        _ended = true;
        return Directory.Exists(Folder) ? [.. Directory.EnumerateFileSystemEntries(Folder)] : [];
    }

    public void Dispose()
    {
        if (_ended)
        {
            return;
        }

        _ended = true;
        _journal?.Dispose();
        // What is published, and could not be tidied up, is known by its journal.
        if (Published || (Keep && Resumable))
        {
            _lock.Dispose();
            return;
        }

        try
        {
            RemoveMade(_files, PartialOutput.Read(Target, Folder, _names));
            _lock.Remove(_files);
            RemoveParents(_madeParents);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The error that ended the work is the one to report; the next run names what could not be removed.
        }
        finally
        {
            _lock.Dispose();
        }
    }

    private static void BringBack(IFileOperations files, string old, string target)
    {
        if (Directory.Exists(target))
        {
            Directory.Delete(target);
        }

        files.Move(old, target);
        files.SyncFolder(Path.GetDirectoryName(target)!);
    }

    private static OutputException InDoubt(string target, string old) => new(target,
        $"{Printable.Escape(target)} is there, and {Printable.Escape(old)} is what was there before a run that ended early: which of them is wanted cannot be told. Both are kept. Remedy: look at both, and move one of them away.");

    /// <summary>Removes the model's files that LayerSwap made, and their folder if nothing else is in it. The journal, which names them, goes after them.</summary>
    private static void RemoveMade(IFileOperations files, PartialOutput left)
    {
        foreach (string file in left.Made)
        {
            files.DeleteFile(file);
        }

        string model = Path.Combine(left.Folder, PartialOutput.ModelName), journal = Path.Combine(left.Folder, PartialOutput.JournalName);
        foreach (string inner in left.MadeFolders.OrderByDescending(f => f.Length))
        {
            files.DeleteIfEmpty(inner);
        }

        files.DeleteIfEmpty(model);
        if (!left.Foreign.Contains(journal, StringComparer.Ordinal))
        {
            files.DeleteFile(journal);
        }
    }

    /// <summary>Removes the folders above the target that were made for it, innermost first.</summary>
    private static void RemoveParents(IEnumerable<string> made)
    {
        foreach (string parent in made.Where(Directory.Exists))
        {
            if (!Directory.EnumerateFileSystemEntries(parent).Any())
            {
                Directory.Delete(parent);
            }
        }
    }

    private void Begin(MergePlan plan, SaveOptions options)
    {
        string path = Path.Combine(Folder, PartialOutput.JournalName);
        PartialOutput left = PartialOutput.Read(Target, Folder, _names).RequireOwn(Target);
        if (!options.Resume && (left.HasJournal || left.Old is not null || left.Made.Count > 0))
        {
            throw new OutputException(Target, $"{Printable.Escape(Folder)} is left over from a run that ended before its end. Remedy: go on with it (Resume, --resume), or remove it (layerswap clean {Printable.Escape(Target)}).");
        }

        if (left.Old is { } old)
        {
            if (Occupied(Target))
            {
                throw left.IsPublished && Verifier.IsIntact(Target)
                    ? new OutputException(Target, $"{Printable.Escape(Target)} was made by an earlier run, and is not what this merge makes now; what was there before is kept in {Printable.Escape(old)}. Remedy: `layerswap clean {Printable.Escape(Target)}` keeps the new one; or move the one that is not wanted away.")
                    : InDoubt(Target, old);
            }

            // The run ended between the old output's stepping aside and the new one's coming.
            BringBack(_files, old, Target);
        }

        _replaces = Occupied(Target);
        if (Directory.Exists(Target))
        {
            OutputPath.RequireRenamable(Target);
        }

        // What was worked under another rule on NaNs was not held against this one.
        IReadOnlyList<Fact> identity = [.. MergeFingerprint.Of(plan), new("non-finite inputs", options.RefuseNonFinite ? "refused" : "counted")];
        bool overwrote = false;
        _journal = left.HasJournal ? Journal.Continue(_files, path, Target, identity, out overwrote) : null;
        if (_replaces)
        {
            if (!options.Overwrite && !overwrote)
            {
                throw OutputErrors.NotEmpty(Target);
            }

            ModelFolder.RequireReplaceable(Target, Printable.Escape(Target));
        }

        // Only what has no other name and no other owner is taken up.
        PartialOutput.Read(Target, Folder, _names, _lock.Sign()).RequireOwn(Target);
        if (_journal is null)
        {
            // Nothing was done that could be continued.
            RemoveMade(_files, left);
            RequireRoom(plan.WriteBytes);
            _journal = Journal.Start(_files, path, identity, options.Overwrite, _names, _durable);
        }

        _files.CreateFolder(Model);
        if (!OperatingSystem.IsWindows() && Directory.Exists(Target))
        {
            // A folder that not everybody may read stays so.
            File.SetUnixFileMode(Model, File.GetUnixFileMode(Target));
        }

        _model = FileStatus.OfEntry(Model) is { Kind: FileKind.Folder } made ? made.Identity : throw new IOException($"{Printable.Escape(Model)} is not a folder.");
    }

    private void RequireSameModel()
    {
        if (FileStatus.OfEntry(Model) is not { Kind: FileKind.Folder } now || (now.Identity.Inode != 0 && !now.Identity.SameFile(_model!)))
        {
            throw new IOException($"{Printable.Escape(Model)} is not the folder that the model was written to.");
        }
    }

    private void RequireRoom(long bytes)
    {
        long free = _files.FreeBytes(Folder);
        if (free < bytes)
        {
            throw new OutputException(Target, $"The output needs {ByteSize.Format(bytes)} ({bytes} bytes) beside {Printable.Escape(Target)}, but only {ByteSize.Format(free)} ({free} bytes) are free. "
                + "Remedy: make room, or choose another disk.")
            { NoRoom = true };
        }
    }
}
