using Microsoft.Win32.SafeHandles;

namespace LayerSwap.IO;

/// <summary>Positional reads that fill the whole buffer or report the end of the file.</summary>
internal static class PositionalRead
{
    /// <returns>False if the file ends before the destination is full.</returns>
    public static bool TryFill(SafeFileHandle handle, Span<byte> destination, long offset)
    {
        while (!destination.IsEmpty)
        {
            int read = RandomAccess.Read(handle, destination, offset);
            if (read == 0)
            {
                return false;
            }

            destination = destination[read..];
            offset += read;
        }

        return true;
    }
}
