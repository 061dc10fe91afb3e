using LayerSwap.IO;

namespace LayerSwap.Execution;

/// <summary>
/// The hidden folder next to the target in which an output is written: the model folder, the journal, and a lock. Publishing is one atomic
/// rename; until then the target is unchanged. A previous output is deleted only after the new one is published and synced.
/// </summary>
internal sealed class StagingFolder : IDisposable
{
    public const string Suffix = ".layerswap-partial";

    /// <summary>The longest file name that Linux file systems allow, in bytes of UTF-8.</summary>
    private const int MaxNameLength = 255;

    private readonly IFileOperations _files;
    private readonly OutputLock _lock;
    private readonly IReadOnlyList<string> _createdParents;
    private readonly IReadOnlyList<string> _names;
    private readonly bool _durable;
    private readonly Action _requireTarget;
    private Journal? _journal;
    private bool _replacesOld;
    private FileIdentity? _model;
    private bool _ended;

    private StagingFolder(
        IFileOperations files,
        string target,
        OutputLock @lock,
        IReadOnlyList<string> createdParents,
        IReadOnlyList<string> names,
        bool durable,
        Action requireTarget)
    {
        _files = files;
        Target = target;
        _lock = @lock;
        _createdParents = createdParents;
        _names = names;
        _durable = durable;
        _requireTarget = requireTarget;
    }

    public string Target { get; }

    public string Folder => FolderOf(Target);

    /// <summary>The path of the folder that the model is written to.</summary>
    public string ModelPath => Path.Combine(Folder, PartialOutput.ModelFolderName);

    public Journal Journal => _journal!;

    /// <summary>Whether the partial output is kept, to be resumed, if the run ends early.</summary>
    public bool KeepPartial { get; set; }

    /// <summary>Whether the target is already the new model.</summary>
    public bool IsPublished { get; private set; }

    /// <summary>Whether a tensor is finished, so that the run can be resumed.</summary>
    public bool CanResume => _journal is { FinishedTensors.Count: > 0 };

    /// <summary>Returns the path of the staging folder of an output.</summary>
    /// <exception cref="OutputException">The name of the target is too long, or it is the root of a file system.</exception>
    public static string FolderOf(string target) => SiblingOf(target, Suffix);

    /// <summary>Returns the path of a hidden folder next to an output.</summary>
    /// <inheritdoc cref="FolderOf"/>
    public static string SiblingOf(string target, string suffix)
    {
        if (Path.GetDirectoryName(target) is not { } parent)
        {
            throw new OutputException(target, $"{Printable.Escape(target)} is the root of a file system; an output folder is expected.");
        }

        string name = $".{Path.GetFileName(target)}{suffix}";
        if (System.Text.Encoding.UTF8.GetByteCount(name) > MaxNameLength)
        {
            throw new OutputException(target, $"{Printable.Escape(target)}: the folder's name is too long; at most "
                + $"{MaxNameLength - 1 - Suffix.Length} bytes are possible, since the staging folder next to it has a longer name. "
                + "Remedy: choose a shorter name.");
        }

        return Path.Combine(parent, name);
    }

    /// <summary>Creates a staging folder, or opens that of an interrupted run.</summary>
    /// <param name="target">The canonical path of the output.</param>
    /// <param name="plan">The plan of the output.</param>
    /// <param name="options">The options of the run.</param>
    /// <param name="names">The names of all files that will be created.</param>
    /// <param name="requireTarget">Throws if the output may not be written to the target; called before publishing.</param>
    /// <exception cref="OutputException">
    /// The target exists, space or permission is missing, another run is active, or a partial output exists.
    /// </exception>
    public static StagingFolder Open(
        string target, MergePlan plan, SaveOptions options, IReadOnlyList<string> names, Action requireTarget)
    {
        string parent = Path.GetDirectoryName(target)!, folder = FolderOf(target);
        List<string> createdParents = [.. RealPath.WithAncestors(parent).TakeWhile(p => !Directory.Exists(p))];
        IFileOperations files = options.Files;
        OutputLock? held = null;
        StagingFolder? staging = null;
        bool created = false;
        try
        {
            if (createdParents.Count > 0)
            {
                files.CreateFolder(parent);
                foreach (string changed in options.Durable ? createdParents.Select(p => Path.GetDirectoryName(p)!) : [])
                {
                    files.SyncFolder(changed);
                }
            }

            created = FileStatus.ReadEntry(folder) is null;
            if (!created)
            {
                PartialOutput.Read(target, folder, names).RequireNoForeign(target);
            }

            files.CreateFolder(folder);
            held = OutputLock.Acquire(target, folder);
            staging = new StagingFolder(files, target, held, createdParents, names, options.Durable, requireTarget);
            staging.Begin(plan, options);
            return staging;
        }
        catch (Exception e)
        {
            staging?._journal?.Dispose();
            using (held)
            {
                // Without the lock, the folder belongs to another run that started at the same moment.
                if (held is not null && created)
                {
                    DeleteCreated(files, PartialOutput.Read(target, folder, names));
                    held.Remove(files);
                }
            }

            DeleteEmptyParents(createdParents);
            if (e is IOException or UnauthorizedAccessException)
            {
                throw OutputErrors.WriteFailed(target, e, plan.WriteBytes);
            }

            throw;
        }
    }

    /// <summary>Deletes a staging folder that no run is using; moves the old output back if the new one was not published.</summary>
    /// <param name="target">The canonical path of the output.</param>
    /// <param name="files">The file system.</param>
    /// <param name="verified">Whether the output was just compared with its manifest.</param>
    /// <returns>False if there is no staging folder.</returns>
    /// <exception cref="OutputException">
    /// A run is active, the folder has foreign entries (which are kept), or it is not known which of two outputs is wanted.
    /// </exception>
    public static bool DeletePartialOutput(string target, IFileOperations files, bool verified = false)
    {
        string folder = FolderOf(target);
        if (FileStatus.ReadEntry(folder) is not { } status)
        {
            return false;
        }

        // Taking the lock must not follow a foreign link.
        string locked = status.Kind != FileKind.Folder ? folder : Path.Combine(folder, OutputLock.LockFileName);
        if (PartialOutput.Read(target, folder, []).Foreign.Contains(locked, StringComparer.Ordinal))
        {
            throw OutputErrors.Foreign(target, folder, [locked]);
        }

        using OutputLock held = OutputLock.Acquire(target, folder);
        PartialOutput partial = PartialOutput.Read(target, folder, []);
        if (partial.OldOutput is { } old)
        {
            if (!IsNonEmptyFolder(target))
            {
                MoveBack(files, old, target);
            }
            else if (partial.IsPublished && (verified || Verifier.IsIntact(target)))
            {
                files.SyncFolder(Path.GetDirectoryName(target)!);
                ModelFolder.Read(old).Remove(files, old);
            }
            else
            {
                throw TwoOutputs(target, old);
            }
        }

        DeleteCreated(files, partial);
        held.Remove(files);
        if (!Directory.Exists(folder))
        {
            return true;
        }

        EnumerationOptions recursive = new() { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };
        string[] remaining = [.. Directory.EnumerateFileSystemEntries(folder, "*", recursive).Where(f => !Directory.Exists(f))];
        IReadOnlyList<string> foreign = partial.Foreign.Count > 0 ? partial.Foreign : remaining.Length > 0 ? remaining : [folder];
        throw OutputErrors.ForeignLeft(target, folder, foreign);
    }

    /// <summary>Checks whether the target is a folder that is not empty.</summary>
    public static bool IsNonEmptyFolder(string target) => Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any();

    /// <summary>Publishes the model: renames its folder to the target, with syncs before and after.</summary>
    /// <returns>The paths of foreign entries in the staging folder, which are kept.</returns>
    public IReadOnlyList<string> Publish()
    {
        if (_durable)
        {
            _files.SyncFolder(ModelPath);
        }

        _requireTarget();
        RequireSameModel();
        ModelFolder? old = _replacesOld ? ModelFolder.RequireReplaceable(Target, Printable.Escape(Target)) : null;
        Journal.AddPublishing(_model!.Inode, _durable);
        string oldPath = ModelPath;
        if (old is not null)
        {
            if (!_files.TryExchange(ModelPath, Target))
            {
                // Without an atomic exchange, the old output is moved first. If the process is killed in between, --resume completes it.
                oldPath = Path.Combine(Folder, PartialOutput.OldFolderName);
                _files.Move(Target, oldPath);
                try
                {
                    _files.Move(ModelPath, Target);
                }
                catch
                {
                    _files.Move(oldPath, Target);
                    throw;
                }
            }
        }
        else
        {
            if (Directory.Exists(Target))
            {
                // The folder was empty when it was checked; deleting it fails if it no longer is.
                Directory.Delete(Target);
            }

            _files.Move(ModelPath, Target);
        }

        IsPublished = true;
        KeepPartial = false;
        if (_durable)
        {
            _files.SyncFolder(Path.GetDirectoryName(Target)!);
        }

        old?.Remove(_files, oldPath);
        _journal!.Dispose();
        _files.DeleteFile(Path.Combine(Folder, PartialOutput.JournalFileName));
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
        // After publishing, the journal is kept: the next run needs it to finish the cleanup.
        if (IsPublished || (KeepPartial && CanResume))
        {
            _lock.Dispose();
            return;
        }

        try
        {
            DeleteCreated(_files, PartialOutput.Read(Target, Folder, _names));
            _lock.Remove(_files);
            DeleteEmptyParents(_createdParents);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Keep the original exception; the next run names files that could not be deleted.
        }
        finally
        {
            _lock.Dispose();
        }
    }

    private static void MoveBack(IFileOperations files, string old, string target)
    {
        if (Directory.Exists(target))
        {
            Directory.Delete(target);
        }

        files.Move(old, target);
        files.SyncFolder(Path.GetDirectoryName(target)!);
    }

    private static OutputException OtherOutput(string target, string old) => new(
        target,
        $"{Printable.Escape(target)} was written by an earlier run, and differs from the output of this merge; "
            + $"the output before it is kept in {Printable.Escape(old)}. "
            + $"Remedy: keep the new one (`layerswap clean {Printable.Escape(target)}`), or move away the one that is not wanted.");

    private static OutputException TwoOutputs(string target, string old) => new(
        target,
        $"{Printable.Escape(target)} exists, and so does {Printable.Escape(old)}, the previous output that an interrupted run moved: "
            + "it is not known which of them is wanted. Both are kept. Remedy: look at both, and move one of them away.");

    /// <summary>Deletes the files that LayerSwap created, and empty folders. The journal, which lists the files, is deleted last.</summary>
    private static void DeleteCreated(IFileOperations files, PartialOutput partial)
    {
        foreach (string file in partial.CreatedFiles)
        {
            files.DeleteFile(file);
        }

        string model = Path.Combine(partial.Folder, PartialOutput.ModelFolderName);
        string journal = Path.Combine(partial.Folder, PartialOutput.JournalFileName);
        foreach (string inner in partial.CreatedFolders.OrderByDescending(f => f.Length))
        {
            files.DeleteIfEmpty(inner);
        }

        files.DeleteIfEmpty(model);
        if (!partial.Foreign.Contains(journal, StringComparer.Ordinal))
        {
            files.DeleteFile(journal);
        }
    }

    /// <summary>Deletes the empty folders above the target that were created for it, innermost first.</summary>
    private static void DeleteEmptyParents(IEnumerable<string> created)
    {
        foreach (string parent in created.Where(Directory.Exists))
        {
            if (!Directory.EnumerateFileSystemEntries(parent).Any())
            {
                Directory.Delete(parent);
            }
        }
    }

    private void Begin(MergePlan plan, SaveOptions options)
    {
        string path = Path.Combine(Folder, PartialOutput.JournalFileName);
        PartialOutput partial = PartialOutput.Read(Target, Folder, _names).RequireNoForeign(Target);
        if (!options.Resume && (partial.HasJournal || partial.OldOutput is not null || partial.CreatedFiles.Count > 0))
        {
            throw new OutputException(Target, $"{Printable.Escape(Folder)} is the partial output of an interrupted run. "
                + $"Remedy: resume it (Resume, --resume), or delete it (layerswap clean {Printable.Escape(Target)}).");
        }

        if (partial.OldOutput is { } old)
        {
            if (IsNonEmptyFolder(Target))
            {
                throw partial.IsPublished && Verifier.IsIntact(Target) ? OtherOutput(Target, old) : TwoOutputs(Target, old);
            }

            // The run was interrupted after it moved the old output, and before it moved the new one to the target.
            MoveBack(_files, old, Target);
        }

        _replacesOld = IsNonEmptyFolder(Target);
        if (Directory.Exists(Target))
        {
            OutputPath.RequireRenamable(Target);
        }

        // Finished tensors are not checked again for NaNs, so a run with another rule cannot be resumed.
        Fact nonFinite = new("non-finite inputs", options.RefuseNonFinite ? "refused" : "counted");
        IReadOnlyList<Fact> facts = [.. MergeFingerprint.Of(plan), nonFinite];
        bool overwrote = false;
        _journal = partial.HasJournal ? Journal.Resume(_files, path, Target, facts, out overwrote) : null;
        if (_replacesOld)
        {
            if (!options.Overwrite && !overwrote)
            {
                throw OutputErrors.NotEmpty(Target);
            }

            ModelFolder.RequireReplaceable(Target, Printable.Escape(Target));
        }

        // Only files with one link and the same owner are reused.
        PartialOutput.Read(Target, Folder, _names, _lock.WriteOwner()).RequireNoForeign(Target);
        if (_journal is null)
        {
            DeleteCreated(_files, partial);
            RequireFreeSpace(plan.WriteBytes);
            _journal = Journal.Create(_files, path, facts, options.Overwrite, _names, _durable);
        }

        _files.CreateFolder(ModelPath);
        if (!OperatingSystem.IsWindows() && Directory.Exists(Target))
        {
            // Keep the permissions of the previous output.
            File.SetUnixFileMode(ModelPath, File.GetUnixFileMode(Target));
        }

        _model = FileStatus.ReadEntry(ModelPath) is { Kind: FileKind.Folder } model
            ? model.Identity
            : throw new IOException($"{Printable.Escape(ModelPath)} is not a folder.");
    }

    private void RequireSameModel()
    {
        if (FileStatus.ReadEntry(ModelPath) is not { Kind: FileKind.Folder } current
            || (current.Identity.Inode != 0 && !current.Identity.IsSameFile(_model!)))
        {
            throw new IOException($"{Printable.Escape(ModelPath)} is not the folder that the model was written to.");
        }
    }

    private void RequireFreeSpace(long bytes)
    {
        long free = _files.FreeBytes(Folder);
        if (free < bytes)
        {
            throw new OutputException(Target, $"The output needs {ByteSize.Format(bytes)} ({bytes} bytes) next to "
                + $"{Printable.Escape(Target)}, but only {ByteSize.Format(free)} ({free} bytes) are free. "
                + "Remedy: free some space, or choose another disk.")
            {
                DiskFull = true,
            };
        }
    }
}
