using Microsoft.Win32.SafeHandles;

namespace LayerSwap.IO;

/// <summary>Every call by which an output comes to be: the seam where tests let the disk fill, the power fail, and the process die.</summary>
internal interface IFileOperations
{
    void CreateFolder(string path);

    /// <summary>Creates a file that must not exist yet, with room for its whole length.</summary>
    SafeFileHandle Create(string path, long length);

    /// <summary>Opens a regular file that has one name, to be read and written. Follows no link.</summary>
    SafeFileHandle Open(string path);

    void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset);

    /// <returns>False where the file ends before the destination is full.</returns>
    bool TryRead(SafeFileHandle file, Span<byte> destination, long offset);

    /// <exception cref="IOException">The bytes did not reach the device.</exception>
    void Sync(SafeFileHandle file, string path);

    /// <inheritdoc cref="Sync"/>
    void SyncFolder(string path);

    /// <summary>Renames a file or folder; nothing is ever replaced.</summary>
    void Move(string from, string to);

    /// <summary>Exchanges the names of two folders at once.</summary>
    /// <returns>False where the file system cannot.</returns>
    bool TryExchange(string first, string second);

    /// <summary>Gives a file a second name; where the file system cannot, a new one instead of the old. Nothing is ever replaced.</summary>
    void Link(string from, string to);

    /// <summary>Renames a file over another, at once.</summary>
    void Replace(string from, string to);

    void DeleteFile(string path);

    /// <summary>Removes a folder, which must be empty: what LayerSwap did not make is never removed with it.</summary>
    void DeleteFolder(string path);

    /// <summary>Removes a folder if nothing is in it; a link to one, or a folder that is gone, is left as it is.</summary>
    void DeleteIfEmpty(string path)
    {
        if (FileStatus.OfEntry(path)?.Kind == FileKind.Folder && !Directory.EnumerateFileSystemEntries(path).Any())
        {
            DeleteFolder(path);
        }
    }

    long FreeBytes(string folder);
}
