using Microsoft.Win32.SafeHandles;

namespace LayerSwap.IO;

/// <summary>The real file system.</summary>
internal sealed class SystemFiles : IFileOperations
{
    public static SystemFiles Instance { get; } = new();

    public void CreateFolder(string path) => Directory.CreateDirectory(path);

    public SafeFileHandle Create(string path, long length)
    {
        SafeFileHandle file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read, FileOptions.None, length);
        return Native.RequireSeekable(file, path);
    }

    public SafeFileHandle Open(string path) => OperatingSystem.IsLinux()
        ? Native.OpenToWrite(path)
        : File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);

    public void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset) => RandomAccess.Write(file, bytes, offset);

    public bool TryRead(SafeFileHandle file, Span<byte> destination, long offset) =>
        PositionalRead.TryFill(file, destination, offset);

    public void Sync(SafeFileHandle file, string path) => Native.Sync(file, path);

    public void SyncFolder(string path) => Native.SyncFolder(path);

    public void Move(string from, string to)
    {
        if (!Native.TryMove(from, to))
        {
            if (Directory.Exists(from))
            {
                Directory.Move(from, to);
            }
            else
            {
                File.Move(from, to);
            }
        }
    }

    public void Link(string from, string to)
    {
        if (!Native.TryLink(from, to))
        {
            Move(from, to);
        }
    }

    public bool TryExchange(string first, string second) => Native.TryExchange(first, second);

    public void Replace(string from, string to) => File.Move(from, to, overwrite: true);

    public void DeleteFile(string path) => File.Delete(path);

    public void DeleteFolder(string path) => Directory.Delete(path);

    public long FreeBytes(string folder) => new DriveInfo(folder).AvailableFreeSpace;
}
