using LayerSwap.Checkpoints;
using LayerSwap.IO;

namespace LayerSwap.Execution;

/// <summary>Finds inputs that are no longer the files that were opened and planned with: by device, inode, size and times. Weights and the files beside them alike.</summary>
internal static class InputChangeCheck
{
    /// <exception cref="InputChangedException">One of them changed, vanished or appeared.</exception>
    public static void RequireUnchanged(MergePlan plan)
    {
        foreach (CheckpointFile file in plan.Request.Inputs.SelectMany(i => i.Files))
        {
            if (file.Identity is { } opened && FileStatus.Of(RealPath.Of(file.Path))?.Identity is var now && now != opened)
            {
                throw Changed(file.Path, now is null ? "it is not there any more" : opened.Difference(now));
            }
        }

        foreach (WatchedFolder folder in plan.Watched)
        {
            if (folder.FindChange() is ({ } path, { } difference))
            {
                throw Changed(path, difference);
            }
        }
    }

    private static InputChangedException Changed(string path, string difference) => new(path,
        $"{Printable.Escape(path)} changed after it was opened: {difference}. What was merged of it cannot be trusted, and nothing was published. Remedy: let nothing write to an input while it is read, and run again.");
}
