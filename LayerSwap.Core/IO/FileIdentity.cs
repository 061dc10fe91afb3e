using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.IO;

/// <summary>Tells a file from others, and from itself after a change: device and inode where the system has them, size, times of the last write and of the last change.</summary>
internal sealed record FileIdentity
{
    public required ulong Device { get; init; }

    public required ulong Inode { get; init; }

    public required long Length { get; init; }

    /// <summary>The last write (mtime). Programs can set it back.</summary>
    public required FileTime Modified { get; init; }

    /// <summary>The last change of content or status (ctime), which programs cannot set; the last write where the system does not say.</summary>
    public required FileTime Changed { get; init; }

    /// <exception cref="IOException">The status cannot be read.</exception>
    public static FileIdentity Of(SafeFileHandle file) => OperatingSystem.IsLinux() ? Native.Status(file).Identity : Of(RandomAccess.GetLength(file), File.GetLastWriteTimeUtc(file));

    /// <exception cref="FileNotFoundException">Nothing is there.</exception>
    public static FileIdentity Of(string path) => FileStatus.Of(path)?.Identity ?? throw new FileNotFoundException($"{Printable.Escape(path)} does not exist.", path);

    /// <summary>The identity where there is neither device nor inode.</summary>
    public static FileIdentity Of(long length, DateTime modified)
    {
        FileTime time = new((long)(modified - DateTime.UnixEpoch).TotalSeconds, (uint)((modified - DateTime.UnixEpoch).Ticks % TimeSpan.TicksPerSecond * 100));
        return new() { Device = 0, Inode = 0, Length = length, Modified = time, Changed = time };
    }

    /// <summary>Whether both are names of one file, whatever happened to it between. False where the system has no inodes.</summary>
    public bool SameFile(FileIdentity other) => Inode != 0 && Inode == other.Inode && Device == other.Device;

    /// <summary>Describes for people how a file differs from what it was.</summary>
    public string Difference(FileIdentity now) =>
        Length != now.Length ? string.Create(CultureInfo.InvariantCulture, $"it had {Length} bytes and has {now.Length} now")
        : Inode != now.Inode || Device != now.Device ? "another file has its name now"
        : "it was written to";
}

/// <summary>A time of the file system: seconds since 1970, and nanoseconds.</summary>
internal readonly record struct FileTime(long Seconds, uint Nanoseconds)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Seconds}.{Nanoseconds:D9}");
}
