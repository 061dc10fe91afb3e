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

        return File.OpenHandle(real, FileMode.Open, FileAccess.Read, FileShare.Read);
    }

    /// <summary>The file a link leads to in the end, or null for a file that is no link.</summary>
    private static FileSystemInfo? Resolve(FileInfo file)
    {
        try
        {
            return file.ResolveLinkTarget(returnFinalTarget: true);
        }
        catch (IOException e) when (e is not FileNotFoundException and not DirectoryNotFoundException)
        {
            throw new CheckpointException(file.FullName, null, $"{Printable.Escape(file.FullName)} is a link that cannot be followed: {Printable.Escape(e.Message)}", e);
        }
    }
}
