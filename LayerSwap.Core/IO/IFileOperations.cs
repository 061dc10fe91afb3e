using Microsoft.Win32.SafeHandles;

namespace LayerSwap.IO;

/// <summary>The file system calls that write an output. Tests replace them to simulate a full disk, a power failure or a crash.</summary>
internal interface IFileOperations
{
    void CreateFolder(string path);

    /// <summary>Creates a file that must not exist yet, and preallocates its length.</summary>
    SafeFileHandle Create(string path, long length);

    /// <summary>Opens a regular file without other hard links for reading and writing. Does not follow symbolic links.</summary>
    SafeFileHandle Open(string path);

    void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset);

    /// <returns>False if the file ends before the destination is full.</returns>
    bool TryRead(SafeFileHandle file, Span<byte> destination, long offset);

    /// <summary>Flushes a file to the device.</summary>
    /// <exception cref="IOException">The bytes did not reach the device.</exception>
    void Sync(SafeFileHandle file, string path);

    /// <inheritdoc cref="Sync"/>
    void SyncFolder(string path);

    /// <summary>Renames a file or folder. Never replaces an existing one.</summary>
    void Move(string from, string to);

    /// <summary>Exchanges the names of two folders atomically.</summary>
    /// <returns>False if the file system does not support it.</returns>
    bool TryExchange(string first, string second);

    /// <summary>Creates a hard link; renames the file if the file system has no hard links. Never replaces an existing file.</summary>
    void Link(string from, string to);

    /// <summary>Renames a file over another atomically.</summary>
    void Replace(string from, string to);

    void DeleteFile(string path);

    /// <summary>Deletes an empty folder. Never recursive, so files that LayerSwap did not create survive.</summary>
    void DeleteFolder(string path);

    /// <summary>Deletes a folder if it is empty. Does nothing if the path is a link or does not exist.</summary>
    void DeleteIfEmpty(string path)
    {
        if (FileStatus.ReadEntry(path)?.Kind == FileKind.Folder && !Directory.EnumerateFileSystemEntries(path).Any())
        {
            DeleteFolder(path);
        }
    }

    long FreeBytes(string folder);
}
