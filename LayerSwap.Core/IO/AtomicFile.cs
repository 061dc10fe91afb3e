using Microsoft.Win32.SafeHandles;

namespace LayerSwap.IO;

/// <summary>Writes small files so that a failure leaves either the whole file or none.</summary>
internal static class AtomicFile
{
    /// <summary>Writes a file that must not exist yet, reads it back, and syncs it.</summary>
    public static void Create(IFileOperations files, string path, ReadOnlySpan<byte> bytes)
    {
        using SafeFileHandle handle = files.Create(path, bytes.Length);
        files.Write(handle, bytes, 0);
        VerifyWritten(files, handle, path, bytes, 0);
        files.Sync(handle, path);
    }

    /// <summary>Replaces a file atomically, by renaming a temporary file in the same folder.</summary>
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

    /// <summary>Reads back written bytes and compares them.</summary>
    /// <exception cref="IOException">The bytes differ.</exception>
    public static void VerifyWritten(IFileOperations files, SafeFileHandle handle, string path, ReadOnlySpan<byte> bytes, long offset)
    {
        byte[] readBack = new byte[bytes.Length];
        if (!files.TryRead(handle, readBack, offset) || !bytes.SequenceEqual(readBack))
        {
            throw new IOException($"{Printable.Escape(path)} reads back different bytes than were written.");
        }
    }
}
