namespace LayerSwap.IO;

/// <summary>The kinds of things that a path can name.</summary>
internal enum FileKind
{
    /// <summary>A regular file.</summary>
    File,

    /// <summary>A folder.</summary>
    Folder,

    /// <summary>A symbolic link.</summary>
    Link,

    /// <summary>A pipe, device or socket: never opened, since opening one can block for ever.</summary>
    Other,
}

/// <summary>The status of a path: its kind, identity, number of names and owner.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Identity">Which file it is, and its last change.</param>
/// <param name="Links">The number of hard links; 1 where the system does not say.</param>
/// <param name="Owner">The user id of the owner; null where the system does not say.</param>
internal sealed record FileStatus(FileKind Kind, FileIdentity Identity, uint Links, uint? Owner)
{
    /// <summary>Reads the status of a path, following links.</summary>
    /// <returns>Null if nothing is there.</returns>
    public static FileStatus? Of(string path) => OperatingSystem.IsLinux() ? Native.Status(path, follow: true) : OfOther(path, follow: true);

    /// <summary>Reads the status of a path; of a link, not of its target.</summary>
    /// <returns>Null if nothing is there.</returns>
    public static FileStatus? OfEntry(string path) => OperatingSystem.IsLinux() ? Native.Status(path, follow: false) : OfOther(path, follow: false);

    private static FileStatus? OfOther(string path, bool follow)
    {
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
