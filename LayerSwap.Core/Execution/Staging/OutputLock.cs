using System.Globalization;
using LayerSwap.IO;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Execution;

/// <summary>Keeps other runs out of a staging folder until this process ends, however it ends.</summary>
internal sealed class OutputLock : IDisposable
{
    public const string LockName = "lock", OwnerName = "owner";
    private const int LongestOwner = 64;

    private readonly string _folder;
    private readonly SafeFileHandle _handle;

    private OutputLock(string folder, SafeFileHandle handle) => (_folder, _handle) = (folder, handle);

    /// <exception cref="OutputException">Another run holds the lock.</exception>
    /// <exception cref="IOException">The lock file cannot be opened, or is not a regular file.</exception>
    public static OutputLock Take(string target, string folder)
    {
        string path = Path.Combine(folder, LockName);
        SafeFileHandle handle = TryOpen(path) ?? throw OutputErrors.Taken(target, OwnerOf(folder));
        // Opened a moment before its run ended and removed it: a lock on a file without a name keeps nobody out.
        if (FileIdentity.Of(handle) is { Inode: not 0 } mine && FileStatus.OfEntry(path)?.Identity.SameFile(mine) != true)
        {
            handle.Dispose();
            throw OutputErrors.Taken(target, OwnerOf(folder));
        }

        return new OutputLock(folder, handle);
    }

    /// <summary>Writes this process's id beside the lock, for the message that others get.</summary>
    /// <returns>The user id that files of this process have there; null where the system does not say.</returns>
    public uint? Sign()
    {
        string path = Path.Combine(_folder, OwnerName);
        // A new file: an old one might be a link, or another file's second name.
        File.Delete(path);
        using (SafeFileHandle file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write))
        {
            RandomAccess.Write(file, System.Text.Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n"), 0);
        }

        return FileStatus.OfEntry(path)?.Owner;
    }

    /// <summary>Removes the lock and its folder, if nothing else is in it. The lock ends last, so that nobody takes up what is about to vanish.</summary>
    public void Remove(IFileOperations files)
    {
        // Windows keeps a file that is open.
        if (OperatingSystem.IsWindows())
        {
            Dispose();
        }

        using (this)
        {
            if (FileStatus.OfEntry(Path.Combine(_folder, OwnerName)) is { Kind: FileKind.File, Links: 1 })
            {
                files.DeleteFile(Path.Combine(_folder, OwnerName));
            }

            files.DeleteFile(Path.Combine(_folder, LockName));
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
        string path = Path.Combine(folder, OwnerName);
        return FileStatus.OfEntry(path) is { Kind: FileKind.File, Identity.Length: > 0 and <= LongestOwner } ? File.ReadAllText(path).Trim() : "";
    }
}
