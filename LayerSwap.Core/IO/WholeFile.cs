using Microsoft.Win32.SafeHandles;

namespace LayerSwap.IO;

/// <summary>Small files, written so that they are whole or absent.</summary>
internal static class WholeFile
{
    /// <summary>Writes a file that must not exist yet, reads it back, and syncs it.</summary>
    public static void Create(IFileOperations files, string path, ReadOnlySpan<byte> bytes)
    {
        using SafeFileHandle handle = files.Create(path, bytes.Length);
        files.Write(handle, bytes, 0);
        RequireSame(files, handle, path, bytes, 0);
        files.Sync(handle, path);
    }

    /// <summary>Replaces what a path holds, at once, by way of a file beside it.</summary>
    public static void Replace(IFileOperations files, string path, ReadOnlySpan<byte> bytes)
    {
        string folder = Path.GetDirectoryName(path)!, staging = Path.Combine(folder, $".layerswap-{Guid.NewGuid():N}");
        try
        {
            Create(files, staging, bytes);
            files.Replace(staging, path);
            files.SyncFolder(folder);
        }
        catch
        {
            File.Delete(staging);
            throw;
        }
    }

    /// <summary>Reads back what was written.</summary>
    /// <exception cref="IOException">It is something else.</exception>
    public static void RequireSame(IFileOperations files, SafeFileHandle handle, string path, ReadOnlySpan<byte> bytes, long offset)
    {
        byte[] found = new byte[bytes.Length];
        if (!files.TryRead(handle, found, offset) || !bytes.SequenceEqual(found))
        {
            throw new IOException($"{Printable.Escape(path)} does not hold what was written to it.");
        }
    }
}
