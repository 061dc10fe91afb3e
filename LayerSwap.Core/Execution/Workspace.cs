using LayerSwap.Files;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Execution;

/// <summary>
/// The folder beside the target that a merge is made in: the model as it grows, the journal, and a lock that ends with its process. At the end the model gets the target's name, all at once;
/// before that the target is as it was.
/// </summary>
internal sealed class Workspace : IDisposable
{
    public const string Suffix = ".layerswap-partial";

    private const string JournalName = "journal", LockName = "lock", OwnerName = "owner", ModelName = "model", OldName = "old";

    private readonly IFileOperations _files;
    private readonly SafeFileHandle _lock;
    private readonly IReadOnlyList<string> _madeParents;
    private readonly bool _replaces;
    private readonly bool _durable;
    private Journal? _journal;
    private bool _ended;

    private Workspace(IFileOperations files, string target, SafeFileHandle @lock, IReadOnlyList<string> madeParents, bool replaces, bool durable)
    {
        _files = files;
        Target = target;
        _lock = @lock;
        _madeParents = madeParents;
        _replaces = replaces;
        _durable = durable;
    }

    public string Target { get; }

    public string Folder => FolderOf(Target);

    /// <summary>Where the model is written.</summary>
    public string Model => Path.Combine(Folder, ModelName);

    public Journal Journal => _journal!;

    /// <summary>Whether what is done stays to be continued when the work ends before its end.</summary>
    public bool Keep { get; set; }

    /// <summary>Whether the target is the new model already: what fails from then on no longer keeps it from being there.</summary>
    public bool Published { get; private set; }

    /// <summary>Whether there is something that could be continued.</summary>
    public bool Resumable => _journal is { Done.Count: > 0 };

    public static string FolderOf(string target) => Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}{Suffix}");

    /// <exception cref="OutputException">The target is not free, or there is no room, no permission, another run, or what another run has left.</exception>
    public static Workspace Open(string target, MergePlan plan, SaveOptions options)
    {
        string parent = Path.GetDirectoryName(target)!, folder = FolderOf(target);
        List<string> made = [];
        for (string? missing = parent; missing is not null && !Directory.Exists(missing); missing = Path.GetDirectoryName(missing))
        {
            made.Add(missing);
        }

        IFileOperations files = options.Files;
        SafeFileHandle? held = null;
        Workspace? space = null;
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

            ours = !Directory.Exists(folder);
            if (!ours)
            {
                RequireOwn(target);
            }

            files.CreateFolder(folder);
            held = Lock(target);
            space = new Workspace(files, target, held, made, Occupied(target), options.Durable);
            space.Begin(plan, options);
            return space;
        }
        catch (Exception e)
        {
            space?._journal?.Dispose();
            if (held is not null && ours)
            {
                // Only under the lock: without it the folder is that of another run, which began at the same moment.
                Remove(files, folder, held);
            }

            held?.Dispose();
            RemoveParents(made);
            if (e is IOException or UnauthorizedAccessException)
            {
                throw Failed(target, e, plan.WriteBytes);
            }

            throw;
        }
    }

    /// <summary>Removes what an ended run has left of an output. False where there is nothing.</summary>
    public static bool Clean(string target)
    {
        string folder = FolderOf(target);
        if (!Directory.Exists(folder))
        {
            return false;
        }

        RequireOwn(target);
        SafeFileHandle held = Lock(target);
        string old = Path.Combine(folder, OldName);
        if (Directory.Exists(old) && !Occupied(target))
        {
            // The run ended between the old output's stepping aside and the new one's coming: the old one is all there is.
            using (held)
            {
                if (Directory.Exists(target))
                {
                    Directory.Delete(target);
                }

                SystemFiles.Instance.Move(old, target);
                Remove(SystemFiles.Instance, folder, held);
            }

            return true;
        }

        Remove(SystemFiles.Instance, folder, held);

        return true;
    }

    /// <summary>Whether something is at the target that must not be lost.</summary>
    public static bool Occupied(string target) => Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any();

    public static OutputException Failed(string path, Exception e, long bytes, string? kept = null)
    {
        bool full = e is IOException && (e.HResult & 0xFFFF) is 0x1C or 0x70 || e.Message.Contains("disk", StringComparison.OrdinalIgnoreCase);
        string room = "";
        string? folder = Path.GetDirectoryName(Path.GetFullPath(path));
        if (full && folder is not null && Directory.Exists(folder))
        {
            long free = new DriveInfo(folder).AvailableFreeSpace;
            room = $" The output needs {ByteSize.Format(bytes)} ({bytes} bytes); {ByteSize.Format(free)} ({free} bytes) are free there now.";
        }

        string rest = kept is null ? "" : $" What is done is kept in {Printable.Escape(kept)}: --resume goes on with it, `layerswap clean` removes it.";
        return new(path, $"{Printable.Escape(path)} could not be written: {Printable.Escape(e.Message)}{room} What was there before is unchanged.{rest} Remedy: check the room and the permissions there.", e);
    }

    /// <summary>What failed after the model got its name.</summary>
    public static OutputException FailedAfter(string path, Exception e) => new(path,
        $"{Printable.Escape(path)} is the complete new model, but a step after it got its name failed: {Printable.Escape(e.Message)} Whether the name outlasts a power failure is not known, and something may "
        + "be left beside it. Remedy: repeat the command with --resume (finishing parts needs none), which reads the model again and removes what is left.", e);

    /// <summary>Gives the model the target's name. Everything is synced before, and the name after.</summary>
    public void Publish()
    {
        if (_durable)
        {
            _files.SyncFolder(Model);
        }

        Journal.Publish();
        if (_replaces)
        {
            if (!_files.TryExchange(Model, Target))
            {
                // Without an exchange the old one steps aside; a run killed between is completed by --resume.
                string old = Path.Combine(Folder, OldName);
                _files.Move(Target, old);
                try
                {
                    _files.Move(Model, Target);
                }
                catch
                {
                    _files.Move(old, Target);
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

        End();
    }

    public void Dispose()
    {
        if (!_ended)
        {
            if (Keep && Resumable)
            {
                Release();
            }
            else
            {
                try
                {
                    End();
                    RemoveParents(_madeParents);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    // What ended the work is what is told. What could not be removed now is named by the next run.
                }
            }
        }
    }

    private void Begin(MergePlan plan, SaveOptions options)
    {
        string journal = Path.Combine(Folder, JournalName);
        // What was worked under another rule on NaNs was not held against this one.
        IReadOnlyList<RunFact> identity = [.. RunIdentity.Of(plan), new("non-finite inputs", options.RefuseNonFinite ? "refused" : "counted")];
        if (File.Exists(journal))
        {
            if (!options.Resume)
            {
                throw new OutputException(Target, $"{Printable.Escape(Folder)} is left over from a run that ended before its end. Remedy: go on with it (Resume, --resume), or remove it (layerswap clean {Printable.Escape(Target)}).");
            }

            _journal = Journal.Continue(_files, journal, Target, identity, out bool overwrote);
            if (_journal is not null && _replaces && !options.Overwrite && !overwrote)
            {
                throw Occupied();
            }
        }

        if (_journal is null)
        {
            if (_replaces && !options.Overwrite)
            {
                throw Occupied();
            }

            // Nothing was done that could be continued.
            foreach (string rest in (string[])[Model, Path.Combine(Folder, OldName)])
            {
                if (Directory.Exists(rest))
                {
                    _files.DeleteFolder(rest);
                }
            }

            _files.DeleteFile(journal);
            RequireRoom(plan.WriteBytes);
            _journal = Journal.Start(_files, journal, identity, options.Overwrite);
        }

        File.WriteAllText(Path.Combine(Folder, OwnerName), Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture) + "\n");
        _files.CreateFolder(Model);

        OutputException Occupied() => OutputPath.NotEmpty(Target);
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

    /// <summary>Refuses a folder of this name with anything in it that no run would have put there.</summary>
    private static void RequireOwn(string target)
    {
        string folder = FolderOf(target);
        string? foreign = Directory.EnumerateFileSystemEntries(folder).Select(e => Path.GetFileName(e)).FirstOrDefault(n => n is not (JournalName or LockName or OwnerName or ModelName or OldName));
        if (foreign is not null)
        {
            throw new OutputException(target, $"{Printable.Escape(folder)} is in the way and holds {Printable.Escape(foreign)}, which is not LayerSwap's. Remedy: look at it, and move it away.");
        }
    }

    /// <summary>Held until the process ends, however it ends.</summary>
    private static SafeFileHandle Lock(string target)
    {
        string folder = FolderOf(target), path = Path.Combine(folder, LockName);
        SafeFileHandle held;
        try
        {
            held = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e is not FileNotFoundException and not DirectoryNotFoundException && File.Exists(path))
        {
            throw Taken(target);
        }

        // Opened a moment before its run ended and removed it: a lock on a file without a name keeps nobody out.
        if (FileIdentity.Of(held) is { Inode: not 0 } mine && !(File.Exists(path) && mine.SameFile(FileIdentity.Of(path))))
        {
            held.Dispose();
            throw Taken(target);
        }

        return held;
    }

    private static OutputException Taken(string target)
    {
        string owner = Path.Combine(FolderOf(target), OwnerName), who = File.Exists(owner) ? File.ReadAllText(owner).Trim() : "";
        return new(target, $"{Printable.Escape(target)} is being written by another run{(who.Length > 0 ? $", process {Printable.Escape(who)}" : "")}. Remedy: wait for it, or choose another path.");
    }

    /// <summary>Removes a workspace. The lock ends last, so that nobody takes up what is about to vanish; Windows, where a file that is open stays, has it the other way round.</summary>
    private static void Remove(IFileOperations files, string folder, SafeFileHandle @lock)
    {
        if (OperatingSystem.IsWindows())
        {
            @lock.Dispose();
        }

        using (@lock)
        {
            if (Directory.Exists(folder))
            {
                files.DeleteFolder(folder);
            }
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

    private void Release()
    {
        _ended = true;
        _journal?.Dispose();
        _lock.Dispose();
    }

    private void End()
    {
        _ended = true;
        _journal?.Dispose();
        Remove(_files, Folder, _lock);
    }
}
