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

    /// <summary>Reads a range block by block.</summary>
    /// <returns>False if the file ends before the range does.</returns>
    public static bool TryStream(SafeFileHandle handle, long offset, long length, Action<ReadOnlySpan<byte>> use)
    {
        const int BlockLength = 1 << 18;
        byte[] buffer = new byte[(int)Math.Min(BlockLength, length)];
        for (long done = 0; done < length; done += buffer.Length)
        {
            Span<byte> block = buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - done));
            if (!TryFill(handle, block, offset + done))
            {
                return false;
            }

            use(block);
        }

        return true;
    }
}
