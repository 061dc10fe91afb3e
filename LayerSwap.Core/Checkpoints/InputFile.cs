using LayerSwap.Files;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Checkpoints;

/// <summary>Opens an input for reading, and only for reading: a regular file or a link to one.</summary>
internal static class InputFile
{
    public static SafeFileHandle Open(string path)
    {
        // Asked before opening: opening a FIFO would wait for a writer for ever.
        FileInfo file = new(path);
        FileSystemInfo? target = Resolve(file);
        string real = target?.FullName ?? file.FullName;
        if (Directory.Exists(real))
        {
            throw new CheckpointException(path, null, $"{Printable.Escape(path)} is a folder where a file is expected.");
        }

        if (!File.Exists(real))
        {
            throw new CheckpointException(path, null, target is null
                ? $"{Printable.Escape(path)} does not exist. Remedy: check the path."
                : $"{Printable.Escape(path)} is a link to {Printable.Escape(real)}, which does not exist. Remedy: fetch the file it points to.");
        }

        // Pipes and devices have no length. An empty regular file is no checkpoint either.
        if (new FileInfo(real).Length == 0)
        {
            throw new CheckpointException(path, null, $"{Printable.Escape(path)} is empty, or not a regular file (a pipe or a device?). Remedy: fetch the file again, or copy the stream to a file first.");
        }

        // The system then reads twice as far ahead: what is not in memory yet comes an eighth faster.
        return File.OpenHandle(real, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.SequentialScan);
    }

    /// <summary>All of a small file, never waiting for a pipe.</summary>
    public static byte[] ReadAll(string path, long longest)
    {
        using SafeFileHandle handle = Open(path);
        long length = RandomAccess.GetLength(handle);
        if (length > longest)
        {
            throw new CheckpointException(path, null, $"{Printable.Escape(path)} has {length} bytes; at most {longest} are accepted. Remedy: check whether it is the right file.");
        }

        byte[] bytes = new byte[length];
        return PositionalRead.TryFill(handle, bytes, 0) ? bytes
            : throw new CheckpointException(path, null, $"{Printable.Escape(path)} became shorter while it was read. Remedy: let nothing write to an input while it is read.");
    }

    /// <summary>The file a link leads to in the end, or null for a file that is no link, or is not there.</summary>
    private static FileSystemInfo? Resolve(FileInfo file)
    {
        try
        {
            return file.ResolveLinkTarget(returnFinalTarget: true);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (IOException e)
        {
            throw new CheckpointException(file.ToString(), null, $"{Printable.Escape(file.ToString())} is a link that cannot be followed: {Printable.Escape(e.Message)}", e);
        }
    }
}
