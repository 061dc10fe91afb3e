using LayerSwap.Checkpoints;
using LayerSwap.IO;

namespace LayerSwap.Execution;

/// <summary>Finds weight files and auxiliary files of inputs that changed since planning, by device, inode, size and times.</summary>
internal static class InputChangeCheck
{
    /// <exception cref="InputChangedException">A file changed, vanished or appeared.</exception>
    public static void RequireUnchanged(MergePlan plan)
    {
        foreach (CheckpointFile file in plan.Request.Inputs.SelectMany(i => i.Files))
        {
            if (file.Identity is { } opened && FileStatus.Read(RealPath.Resolve(file.Path))?.Identity is var now && now != opened)
            {
                throw Changed(file.Path, now is null ? "it is not there any more" : opened.DescribeChange(now));
            }
        }

        foreach (WatchedFolder folder in plan.WatchedFolders)
        {
            if (folder.FindChange() is ({ } path, { } difference))
            {
                throw Changed(path, difference);
            }
        }
    }

    private static InputChangedException Changed(string path, string difference) => new(path,
        $"{Printable.Escape(path)} changed after it was opened: {difference}. Results computed from it are not valid, and nothing was "
        + "published. Remedy: let nothing write to an input while it is read, and run again.");
}
