using LayerSwap.IO;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>Exceptions of writing an output. Each message says what happened, the current state, and the remedy.</summary>
internal static class OutputErrors
{
    /// <summary>Makes the exception for a write that failed before publishing.</summary>
    /// <param name="path">The path of the output.</param>
    /// <param name="e">The cause.</param>
    /// <param name="bytes">The bytes that the output needs; 0 if it only moves files.</param>
    /// <param name="kept">The staging folder, if it is kept; else null.</param>
    public static OutputException WriteFailed(string path, Exception e, long bytes, string? kept = null)
    {
        // .NET throws "... because the disk was full", without an error code, when it cannot reserve a file's size.
        bool isFull = e is IOException && (e.HResult & 0xFFFF) is 0x1C or 0x70
            || e.Message.Contains("disk was full", StringComparison.Ordinal);
        string space = "", folder = RealPath.ResolveFolder(path);
        if (isFull && Directory.Exists(folder))
        {
            long free = new DriveInfo(folder).AvailableFreeSpace;
            string needed = bytes > 0 ? $"The output needs {ByteSize.Format(bytes)} ({bytes} bytes); " : "";
            space = $" {needed}{ByteSize.Format(free)} ({free} bytes) are free there now.";
        }

        return new(
            path,
            $"{Printable.Escape(path)} could not be written: {Printable.Escape(e.Message)}{space} What was there before is unchanged."
                + $"{DescribeKept(path, kept)} Remedy: check the free space and the permissions there.",
            e);
    }

    /// <summary>Makes the exception for an input that could not be read.</summary>
    /// <inheritdoc cref="WriteFailed"/>
    public static IOException ReadFailed(string path, InputReadException e, string? kept) =>
        new(
            $"{Printable.Escape(e.Message.TrimEnd('.'))}. Nothing was published.{DescribeKept(path, kept)} "
                + "Remedy: check the disk or the network that the input is on.",
            e)
        {
            HResult = e.HResult,
        };

    /// <summary>Makes the exception for a step that failed after publishing.</summary>
    public static OutputException FailedAfterPublishing(string path, Exception e) => new(path,
        $"{Printable.Escape(path)} is the complete new model, but a step after its rename failed: {Printable.Escape(e.Message)} The rename "
        + "may not survive a power failure, and the staging folder may not be deleted. Remedy: repeat the command with --resume (finishing "
        + "parts needs none), which reads the model again and deletes the staging folder.",
        e);

    public static OutputException NotEmpty(string path) => new(
        path,
        $"{Printable.Escape(path)} exists and is not empty. Remedy: choose another path, or overwrite it (Overwrite, --overwrite).");

    /// <summary>Makes the exception for an output that another run is writing.</summary>
    public static OutputException InUse(string target, string owner)
    {
        string process = owner.Length > 0 ? $", process {Printable.Escape(owner)}" : "";
        return new(
            target,
            $"{Printable.Escape(target)} is being written by another run{process}. Remedy: wait until it ends, or choose another path.");
    }

    /// <summary>Makes the exception for foreign entries in a staging or parts folder.</summary>
    /// <param name="target">The path of the output.</param>
    /// <param name="folder">The staging or parts folder.</param>
    /// <param name="foreign">The paths of the foreign entries; at least one.</param>
    public static OutputException Foreign(string target, string folder, IReadOnlyList<string> foreign) => new(
        target,
        $"{Printable.Escape(folder)} is in the way and has {FormatPaths(folder, foreign)}, which is not LayerSwap's. "
            + "Remedy: look at it, and move it away.");

    /// <summary>Makes the exception for foreign entries that remain after all of LayerSwap's files were deleted.</summary>
    /// <inheritdoc cref="Foreign"/>
    public static OutputException ForeignLeft(string target, string folder, IReadOnlyList<string> foreign) => new(
        target,
        $"LayerSwap's files in {Printable.Escape(folder)} are deleted; "
            + $"it also has {FormatPaths(folder, foreign)}, which is not LayerSwap's, "
            + "and is not deleted. Remedy: look at it, and move it away.");

    private static string DescribeKept(string path, string? kept) => kept is null
        ? ""
        : $" The partial output is kept in {Printable.Escape(kept)}: --resume continues it, "
            + $"`layerswap clean {Printable.Escape(path)}` deletes it.";

    /// <summary>Formats up to five paths, relative to their folder.</summary>
    public static string FormatPaths(string folder, IReadOnlyList<string> paths) =>
        Printable.List([.. paths.Select(p => p == folder ? p : Path.GetRelativePath(folder, p))], 5);
}
