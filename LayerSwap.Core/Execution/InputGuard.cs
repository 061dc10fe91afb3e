using LayerSwap.Files;

namespace LayerSwap.Execution;

/// <summary>Whether inputs are still the files that were opened: by device, inode, size and time.</summary>
internal static class InputGuard
{
    /// <exception cref="InputChangedException">One of them is not.</exception>
    public static void RequireUnchanged(IEnumerable<ICheckpoint> inputs)
    {
        foreach (CheckpointFile file in inputs.SelectMany(i => i.Files))
        {
            if (file.Identity is not { } opened)
            {
                continue;
            }

            string? difference;
            try
            {
                FileIdentity now = FileIdentity.Of(RealPath.Of(file.Path));
                difference = now == opened ? null : opened.Difference(now);
            }
            catch (IOException)
            {
                difference = "it is not there any more";
            }

            if (difference is not null)
            {
                throw new InputChangedException(file.Path, $"{Printable.Escape(file.Path)} changed after it was opened: {difference}. What was merged of it cannot be trusted, and nothing was published. "
                    + "Remedy: let nothing write to an input while it is read, and run again.");
            }
        }
    }
}
