using System.Globalization;
using LayerSwap.IO;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Execution;

/// <summary>A file lock on a staging folder. The system releases it when the process ends, even if it crashes.</summary>
internal sealed class OutputLock : IDisposable
{
    public const string LockFileName = "lock", OwnerFileName = "owner";
    private const int MaxOwnerLength = 64;

    private readonly string _folder;
    private readonly SafeFileHandle _handle;

    private OutputLock(string folder, SafeFileHandle handle) => (_folder, _handle) = (folder, handle);

    /// <exception cref="OutputException">Another run holds the lock.</exception>
    /// <exception cref="IOException">The lock file cannot be opened, or is not a regular file.</exception>
    public static OutputLock Acquire(string target, string folder)
    {
        string path = Path.Combine(folder, LockFileName);
        SafeFileHandle handle = TryOpen(path) ?? throw OutputErrors.InUse(target, OwnerOf(folder));
        // Another run may have deleted the lock file after it was opened; a lock on a deleted file excludes nobody.
        if (FileIdentity.Of(handle) is { Inode: not 0 } locked && FileStatus.ReadEntry(path)?.Identity.IsSameFile(locked) != true)
        {
            handle.Dispose();
            throw OutputErrors.InUse(target, OwnerOf(folder));
        }

        return new OutputLock(folder, handle);
    }

    /// <summary>Writes this process's id to the owner file, for the error messages of other runs.</summary>
    /// <returns>The user id of files that this process creates; null if the system has none.</returns>
    public uint? WriteOwner()
    {
        string path = Path.Combine(_folder, OwnerFileName);
        // A new file, since an existing one may be a link or a hard link.
        File.Delete(path);
        using (SafeFileHandle file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write))
        {
            string id = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
            RandomAccess.Write(file, System.Text.Encoding.ASCII.GetBytes(id + "\n"), 0);
        }

        return FileStatus.ReadEntry(path)?.Owner;
    }

    /// <summary>Deletes the lock file, and its folder if empty. The lock is released last: no run may resume a vanishing folder.</summary>
    public void Remove(IFileOperations files)
    {
        // Windows cannot delete an open file.
        if (OperatingSystem.IsWindows())
        {
            Dispose();
        }

        using (this)
        {
            if (FileStatus.ReadEntry(Path.Combine(_folder, OwnerFileName)) is { Kind: FileKind.File, Links: 1 })
            {
                files.DeleteFile(Path.Combine(_folder, OwnerFileName));
            }

            files.DeleteFile(Path.Combine(_folder, LockFileName));
            files.DeleteIfEmpty(_folder);
        }
    }

    public void Dispose()
    {
        if (OperatingSystem.IsLinux() && !_handle.IsClosed)
        {
            Native.Unlock(_handle);
        }

        _handle.Dispose();
    }

    private static SafeFileHandle? TryOpen(string path)
    {
        if (OperatingSystem.IsLinux())
        {
            return Native.TryLock(path);
        }

        try
        {
            return File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e is not FileNotFoundException and not DirectoryNotFoundException && File.Exists(path))
        {
            return null;
        }
    }

    private static string OwnerOf(string folder)
    {
        string path = Path.Combine(folder, OwnerFileName);
        return FileStatus.ReadEntry(path) is { Kind: FileKind.File, Identity.Length: > 0 and <= MaxOwnerLength }
            ? File.ReadAllText(path).Trim()
            : "";
    }
}
