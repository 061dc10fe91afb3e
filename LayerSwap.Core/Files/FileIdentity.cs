using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Files;

/// <summary>What tells a file from another, and from itself after a change: device and inode where the system has them, size, time of the last change.</summary>
internal sealed record FileIdentity
{
    public required ulong Device { get; init; }

    public required ulong Inode { get; init; }

    public required long Length { get; init; }

    /// <summary>Seconds since 1970.</summary>
    public required long Seconds { get; init; }

    public required uint Nanoseconds { get; init; }

    public static FileIdentity Of(SafeFileHandle file) => Native.Identify(file) ?? Of(RandomAccess.GetLength(file), File.GetLastWriteTimeUtc(file));

    /// <exception cref="FileNotFoundException">There is no such file any more.</exception>
    public static FileIdentity Of(string path) => Native.Identify(path) ?? (Directory.Exists(path)
        ? Of(0, Directory.GetLastWriteTimeUtc(path))
        : Of(new FileInfo(path).Length, File.GetLastWriteTimeUtc(path)));

    /// <summary>Whether both are names of one file, whatever happened to it between.</summary>
    public bool SameFile(FileIdentity other) => Inode != 0 && Inode == other.Inode && Device == other.Device;

    /// <summary>What differs, for people.</summary>
    public string Difference(FileIdentity now) =>
        Length != now.Length ? string.Create(CultureInfo.InvariantCulture, $"it had {Length} bytes and has {now.Length} now")
        : Inode != now.Inode || Device != now.Device ? "another file has its name now"
        : "it was written to";

    private static FileIdentity Of(long length, DateTime time) => new()
    {
        Device = 0,
        Inode = 0,
        Length = length,
        Seconds = (long)(time - DateTime.UnixEpoch).TotalSeconds,
        Nanoseconds = (uint)((time - DateTime.UnixEpoch).Ticks % TimeSpan.TicksPerSecond * 100),
    };
}
