using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.IO;

/// <summary>
/// Identifies a file and its version: device and inode (0 if the system has none), length, times of the last write and status change.
/// </summary>
internal sealed record FileIdentity
{
    public required ulong Device { get; init; }

    public required ulong Inode { get; init; }

    public required long Length { get; init; }

    /// <summary>The time of the last write (mtime). Programs can set it.</summary>
    public required FileTime Modified { get; init; }

    /// <summary>The time of the last change of content or status (ctime), which programs cannot set. Equals mtime without ctime.</summary>
    public required FileTime Changed { get; init; }

    /// <exception cref="IOException">The status cannot be read.</exception>
    public static FileIdentity Of(SafeFileHandle file) => OperatingSystem.IsLinux()
        ? Native.Status(file).Identity
        : Of(RandomAccess.GetLength(file), File.GetLastWriteTimeUtc(file));

    /// <exception cref="FileNotFoundException">The path does not exist.</exception>
    public static FileIdentity Of(string path) =>
        FileStatus.Read(path)?.Identity ?? throw new FileNotFoundException($"{Printable.Escape(path)} does not exist.", path);

    /// <summary>Creates an identity on a system without device and inode numbers.</summary>
    public static FileIdentity Of(long length, DateTime modified)
    {
        TimeSpan sinceEpoch = modified - DateTime.UnixEpoch;
        FileTime time = new((long)sinceEpoch.TotalSeconds, (uint)(sinceEpoch.Ticks % TimeSpan.TicksPerSecond * 100));
        return new() { Device = 0, Inode = 0, Length = length, Modified = time, Changed = time };
    }

    /// <summary>Whether both identify the same file, changed or not. False on systems without inodes.</summary>
    public bool IsSameFile(FileIdentity other) => Inode != 0 && Inode == other.Inode && Device == other.Device;

    /// <summary>Describes how the file has changed since this identity was read.</summary>
    public string DescribeChange(FileIdentity now) =>
        Length != now.Length ? string.Create(CultureInfo.InvariantCulture, $"it had {Length} bytes and has {now.Length} now")
        : Inode != now.Inode || Device != now.Device ? "another file has its name now"
        : "it was written to";
}

/// <summary>A file system time: seconds since 1970 and nanoseconds.</summary>
internal readonly record struct FileTime(long Seconds, uint Nanoseconds)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Seconds}.{Nanoseconds:D9}");
}
