using LayerSwap.IO;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>The errors of writing an output: each says what happened, what is there now, and what to do.</summary>
internal static class OutputErrors
{
    /// <summary>Writing failed before the output was published.</summary>
    /// <param name="path">The output.</param>
    /// <param name="e">What failed.</param>
    /// <param name="bytes">The bytes that the output needs.</param>
    /// <param name="kept">The folder of what is done, if it is kept.</param>
    public static OutputException Failed(string path, Exception e, long bytes, string? kept = null)
    {
        bool full = e is IOException && (e.HResult & 0xFFFF) is 0x1C or 0x70 || e.Message.Contains("disk", StringComparison.OrdinalIgnoreCase);
        string room = "", folder = RealPath.FolderOf(path);
        if (full && Directory.Exists(folder))
        {
            long free = new DriveInfo(folder).AvailableFreeSpace;
            room = $" The output needs {ByteSize.Format(bytes)} ({bytes} bytes); {ByteSize.Format(free)} ({free} bytes) are free there now.";
        }

        return new(path, $"{Printable.Escape(path)} could not be written: {Printable.Escape(e.Message)}{room} What was there before is unchanged.{Kept(path, kept)} Remedy: check the room and the permissions there.", e);
    }

    /// <summary>An input could not be read; the output is not at fault.</summary>
    /// <inheritdoc cref="Failed"/>
    public static IOException ReadFailed(string path, InputReadException e, string? kept) =>
        new($"{Printable.Escape(e.Message.TrimEnd('.'))}. Nothing was published.{Kept(path, kept)} Remedy: check the disk or the network that the input lies on.", e) { HResult = e.HResult };

    /// <summary>A step failed after the output was published.</summary>
    public static OutputException FailedAfter(string path, Exception e) => new(path,
        $"{Printable.Escape(path)} is the complete new model, but a step after it got its name failed: {Printable.Escape(e.Message)} Whether the name outlasts a power failure is not known, and something may "
        + "be left beside it. Remedy: repeat the command with --resume (finishing parts needs none), which reads the model again and removes what is left.", e);

    public static OutputException NotEmpty(string path) => new(path, $"{Printable.Escape(path)} exists and is not empty. Remedy: choose another path, or overwrite it (Overwrite, --overwrite).");

    /// <summary>Another run writes the output now.</summary>
    public static OutputException Taken(string target, string owner) =>
        new(target, $"{Printable.Escape(target)} is being written by another run{(owner.Length > 0 ? $", process {Printable.Escape(owner)}" : "")}. Remedy: wait for it, or choose another path.");

    /// <summary>Something in a staging or parts folder is not LayerSwap's.</summary>
    /// <param name="target">The output.</param>
    /// <param name="folder">The folder.</param>
    /// <param name="foreign">The paths of what is foreign; at least one.</param>
    public static OutputException Foreign(string target, string folder, IReadOnlyList<string> foreign) => new(target,
        $"{Printable.Escape(folder)} is in the way and holds {Names(folder, foreign)}, which is not LayerSwap's. Remedy: look at it, and move it away.");

    /// <summary>Everything that LayerSwap made was removed; other files were found there, and left.</summary>
    /// <inheritdoc cref="Foreign"/>
    public static OutputException ForeignLeft(string target, string folder, IReadOnlyList<string> foreign) => new(target,
        $"What LayerSwap made in {Printable.Escape(folder)} is removed; it also holds {Names(folder, foreign)}, which is not LayerSwap's, and stays. Remedy: look at it, and move it away.");

    private static string Kept(string path, string? kept) => kept is null ? ""
        : $" What is done is kept in {Printable.Escape(kept)}: --resume goes on with it, `layerswap clean {Printable.Escape(path)}` removes it.";

    /// <summary>A few of the paths, relative to the folder that they lie in.</summary>
    public static string Names(string folder, IReadOnlyList<string> paths) => Printable.List([.. paths.Select(p => p == folder ? p : Path.GetRelativePath(folder, p))], 5);
}
