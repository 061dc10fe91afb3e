namespace LayerSwap.Execution;

/// <summary>
/// The staging folder beside the target. What is written goes there, and gets the target's name at the end, all at once; disposed
/// before that, it is removed and the target is as it was.
/// </summary>
internal sealed class OutputFolder : IDisposable
{
    private readonly bool _overwrite;
    private readonly IReadOnlyList<string> _madeParents;
    private bool _published;

    private OutputFolder(string target, string staging, bool overwrite, IReadOnlyList<string> madeParents)
    {
        _madeParents = madeParents;
        Target = target;
        Staging = staging;
        _overwrite = overwrite;
    }

    public string Target { get; }

    public string Staging { get; }

    /// <exception cref="OutputException">The target is not free, lies among the inputs, or there is no room or permission.</exception>
    public static OutputFolder Create(string path, bool overwrite, long bytes, IReadOnlyList<ICheckpoint> inputs)
    {
        string target = RealPath.Of(path), shown = Printable.Escape(path);
        string parent = Path.GetDirectoryName(target) ?? throw new OutputException(path, $"{shown} is the root of a file system; an output folder is expected.");
        RefuseInputs(target, shown, inputs);
        if (File.Exists(target))
        {
            throw new OutputException(path, $"{shown} is a file; an output folder is expected. Remedy: choose another path.");
        }

        if (!overwrite && Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any())
        {
            throw new OutputException(path, $"{shown} exists and is not empty. Remedy: choose another path, or overwrite it (Overwrite, --overwrite).");
        }

        string staging = Path.Combine(parent, $".{Path.GetFileName(target)}.layerswap-partial");
        List<string> made = [];
        for (string? missing = parent; missing is not null && !Directory.Exists(missing); missing = Path.GetDirectoryName(missing))
        {
            made.Add(missing);
        }

        OutputFolder folder = new(target, staging, overwrite, made);
        try
        {
            Directory.CreateDirectory(parent);
            if (Directory.Exists(staging))
            {
                throw new OutputException(path, $"{Printable.Escape(staging)} is left over from a run that was killed, or belongs to one still running. Remedy: wait for it, or remove that folder.");
            }

            Directory.CreateDirectory(staging);
            long free = new DriveInfo(parent).AvailableFreeSpace;
            if (free < bytes)
            {
                Directory.Delete(staging);
                throw new OutputException(path, $"The output needs {ByteSize.Format(bytes)} ({bytes} bytes) beside {shown}, but only {ByteSize.Format(free)} ({free} bytes) are free. Remedy: make room, or choose another disk.") { NoRoom = true };
            }

            return folder;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or OutputException)
        {
            // A staging folder of somebody else's is not ours to remove.
            folder.RemoveParents();
            throw e as OutputException ?? Failed(path, e);
        }
    }

    public static OutputException Failed(string path, Exception e) =>
        new(path, $"{Printable.Escape(path)} could not be written: {Printable.Escape(e.Message)} What was there before is unchanged. Remedy: check the room and the permissions there.", e);

    /// <summary>Gives the staging folder the target's name.</summary>
    public void Publish()
    {
        string old = Staging[..^"partial".Length] + "old";
        bool replaced = false;
        if (Directory.Exists(Target))
        {
            // An empty folder may be in the way without any overwriting.
            if (_overwrite && Directory.EnumerateFileSystemEntries(Target).Any())
            {
                Directory.Move(Target, old);
                replaced = true;
            }
            else
            {
                Directory.Delete(Target);
            }
        }

        try
        {
            Directory.Move(Staging, Target);
        }
        catch when (replaced)
        {
            Directory.Move(old, Target);
            throw;
        }

        _published = true;
        if (replaced)
        {
            Directory.Delete(old, recursive: true);
        }
    }

    public void Dispose()
    {
        if (!_published && Directory.Exists(Staging))
        {
            Directory.Delete(Staging, recursive: true);
            RemoveParents();
        }
    }

    /// <summary>Removes the folders above the target that were made for it, innermost first.</summary>
    private void RemoveParents()
    {
        foreach (string parent in _madeParents.Where(Directory.Exists))
        {
            if (!Directory.EnumerateFileSystemEntries(parent).Any())
            {
                Directory.Delete(parent);
            }
        }
    }

    private static void RefuseInputs(string target, string shown, IReadOnlyList<ICheckpoint> inputs)
    {
        foreach (ICheckpoint input in inputs)
        {
            string[] places = [.. input.Files.Select(f => RealPath.Of(f.Path)), .. input.Files.Select(f => Path.GetDirectoryName(Path.GetFullPath(f.Path))!).Select(RealPath.Of),
                .. input.Folder is null ? Array.Empty<string>() : [RealPath.Of(input.Folder)]];
            // The target itself, a folder around an input, or a place inside a model's own folder.
            if (places.Any(p => p == target || p.StartsWith(target + Path.DirectorySeparatorChar, StringComparison.Ordinal))
                || (input.Folder is { } folder && target.StartsWith(RealPath.Of(folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal)))
            {
                throw new OutputException(target, $"The output {shown} lies in, around or upon the input {Printable.Escape(input.Name)}. Inputs are never changed. Remedy: choose another path.");
            }
        }
    }
}
