using LayerSwap.IO;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Checkpoints;

/// <summary>Opens inputs for reading only. An input is a regular file or a link to one.</summary>
internal static class InputFile
{
    public static SafeFileHandle Open(string path)
    {
        string real = ResolvePath(path);
        // Check before opening: opening a pipe would block, and opening a device can have side effects.
        FileStatus? status = FileStatus.Read(real);
        if (status is null)
        {
            bool isLink = FileStatus.ReadEntry(Path.Combine(RealPath.ResolveFolder(path), Path.GetFileName(path)))?.Kind == FileKind.Link;
            throw new CheckpointException(path, null, isLink
                ? $"{Printable.Escape(path)} is a link to {Printable.Escape(real)}, which does not exist. "
                    + "Remedy: fetch the file it points to."
                : $"{Printable.Escape(path)} does not exist. Remedy: {RemedyForMissing(path)}.");
        }

        if (status.Kind == FileKind.Folder)
        {
            throw new CheckpointException(path, null, $"{Printable.Escape(path)} is a folder where a file is expected.");
        }

        if (status.Kind != FileKind.File || status.Identity.Length == 0)
        {
            throw new CheckpointException(path, null,
                $"{Printable.Escape(path)} is empty, or not a regular file (a pipe or a device?). "
                + "Remedy: fetch the file again, or copy the stream to a file first.");
        }

        return OperatingSystem.IsLinux()
            ? Native.OpenToRead(real)
            : File.OpenHandle(real, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.SequentialScan);
    }

    /// <summary>Opens a file and creates its checkpoint. Closes the file if that fails.</summary>
    public static T Open<T>(string path, Func<SafeFileHandle, T> create)
    {
        SafeFileHandle handle = Open(path);
        try
        {
            return create(handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Reads bytes of a tensor by file offset.</summary>
    /// <exception cref="InputChangedException">The file is shorter than when it was opened.</exception>
    /// <exception cref="IOException">The file could not be read.</exception>
    public static void ReadTensor(SafeFileHandle handle, CheckpointFile file, string tensor, long offset, Span<byte> destination)
    {
        bool complete;
        try
        {
            complete = PositionalRead.TryFill(handle, destination, offset);
        }
        catch (IOException e)
        {
            string message = $"{Printable.Escape(file.Path)} could not be read at tensor {Printable.Escape(tensor)}: {e.Message}";
            throw new IOException(message, e) { HResult = e.HResult };
        }

        if (!complete)
        {
            throw CutShort(file, tensor);
        }
    }

    /// <summary>The error for a file that became shorter while a tensor was read.</summary>
    public static InputChangedException CutShort(CheckpointFile file, string tensor) =>
        new(file.Path, $"{Printable.Escape(file.Path)} changed while it was read: it had {file.Length} bytes when it was opened and is "
            + $"shorter now, so that tensor {Printable.Escape(tensor)} cannot be read to its end. "
            + "Remedy: let nothing write to an input while it is read, and run again.");

    private static string RemedyForMissing(string path)
    {
        string remedy =
            path.Contains("://", StringComparison.Ordinal) ? "URLs are not supported: fetch the model first, and give its folder"
            : path.StartsWith("~/", StringComparison.Ordinal) ? "write the home folder in full, or let the shell expand it (no quotes)"
            : "check the path";
        return !IsHubName(path)
            ? remedy
            : $"{remedy}; if it is a model's name on the Hub, fetch the model first (`hf download {Printable.Escape(path)}`), "
                + "and give its folder";
    }

    /// <summary>Whether a path that does not exist may be the name of a model on the Hub: <c>owner/name</c>.</summary>
    private static bool IsHubName(string path) =>
        path.Split('/') is [{ Length: > 0 } owner, { Length: > 0 } name] && !Directory.Exists(owner)
        && (owner + name).All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
        && owner.Any(char.IsAsciiLetterOrDigit)
        && Path.GetExtension(name) is not (".safetensors" or ".bin" or ".gguf" or ".pt" or ".pth" or ".dat" or ".json");

    /// <summary>Whether a path exists after following links.</summary>
    public static bool Exists(string path) => FileStatus.Read(ResolvePath(path)) is not null;

    /// <summary>Resolves the canonical path of an input.</summary>
    /// <exception cref="CheckpointException">Its links form a cycle, or it is not a valid path.</exception>
    public static string ResolvePath(string path)
    {
        try
        {
            return RealPath.Resolve(path);
        }
        catch (Exception e) when (e is IOException or ArgumentException)
        {
            string message = $"{Printable.Escape(path)} is a link that cannot be followed: {Printable.Escape(e.Message)}";
            throw new CheckpointException(path, null, message, e);
        }
    }

    /// <summary>Reads a file of at most <paramref name="maxLength"/> bytes.</summary>
    public static byte[] ReadAll(string path, long maxLength)
    {
        using SafeFileHandle handle = Open(path);
        long length = RandomAccess.GetLength(handle);
        if (length > maxLength)
        {
            throw new CheckpointException(path, null,
                $"{Printable.Escape(path)} has {length} bytes; at most {maxLength} are accepted. "
                + "Remedy: check whether it is the right file.");
        }

        byte[] bytes = new byte[length];
        return PositionalRead.TryFill(handle, bytes, 0)
            ? bytes
            : throw new CheckpointException(path, null,
                $"{Printable.Escape(path)} became shorter while it was read. Remedy: let nothing write to an input while it is read.");
    }
}
