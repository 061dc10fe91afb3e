namespace LayerSwap.IO;

/// <summary>What a path refers to.</summary>
internal enum FileKind
{
    /// <summary>A regular file.</summary>
    File,

    /// <summary>A folder.</summary>
    Folder,

    /// <summary>A symbolic link.</summary>
    Link,

    /// <summary>A pipe, device or socket. Never opened, because opening one can block forever.</summary>
    Other,
}

/// <summary>The status of a path: kind, identity, number of hard links and owner.</summary>
/// <param name="Kind">What the path refers to.</param>
/// <param name="Identity">The file's identity and version.</param>
/// <param name="Links">The number of hard links; 1 if unknown.</param>
/// <param name="Owner">The owner's user id; null if unknown.</param>
internal sealed record FileStatus(FileKind Kind, FileIdentity Identity, uint Links, uint? Owner)
{
    /// <summary>Reads the status of a path, following symbolic links.</summary>
    /// <returns>Null if the path does not exist.</returns>
    public static FileStatus? Read(string path) => ReadStatus(path, follow: true);

    /// <summary>Reads the status of a path; for a symbolic link, that of the link and not of its target.</summary>
    /// <returns>Null if the path does not exist.</returns>
    public static FileStatus? ReadEntry(string path) => ReadStatus(path, follow: false);

    private static FileStatus? ReadStatus(string path, bool follow)
    {
        if (OperatingSystem.IsLinux())
        {
            return Native.Status(path, follow);
        }

        FileSystemInfo info = Directory.Exists(path) ? new DirectoryInfo(path) : new FileInfo(path);
        if (info.LinkTarget is not null)
        {
            if (!follow)
            {
                return new FileStatus(FileKind.Link, FileIdentity.Of(0, info.LastWriteTimeUtc), 1, null);
            }

            info = info.ResolveLinkTarget(returnFinalTarget: true)!;
        }

        return !info.Exists ? null
            : info is FileInfo file ? new FileStatus(FileKind.File, FileIdentity.Of(file.Length, file.LastWriteTimeUtc), 1, null)
            : new FileStatus(FileKind.Folder, FileIdentity.Of(0, info.LastWriteTimeUtc), 1, null);
    }
}
