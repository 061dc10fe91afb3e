using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Benchmarks.Floor;

/// <summary>Reads all inputs block by block, and writes the blocks of the last one: the I/O of a merge without its arithmetic.</summary>
internal static class CopyLoop
{
    private const int BlockLength = 1 << 18;

    public static void Run(string[] inputs, string? output, int threads)
    {
        SafeFileHandle[] handles = [.. inputs.Select(p => File.OpenHandle(p))];
        long length = RandomAccess.GetLength(handles[0]);
        using SafeFileHandle? target = output is null
            ? null
            : File.OpenHandle(output, FileMode.CreateNew, FileAccess.Write, FileShare.None, FileOptions.None, length);
        long next = 0;
        Thread[] workers = [.. Enumerable.Range(0, threads).Select(_ => new Thread(() =>
        {
            byte[] buffer = new byte[BlockLength];
            long offset;
            while ((offset = Interlocked.Add(ref next, BlockLength) - BlockLength) < length)
            {
                int count = 0;
                foreach (SafeFileHandle handle in handles)
                {
                    count = RandomAccess.Read(handle, buffer, offset);
                }

                if (target is not null)
                {
                    RandomAccess.Write(target, buffer.AsSpan(0, count), offset);
                }
            }
        }))];
        Array.ForEach(workers, w => w.Start());
        Array.ForEach(workers, w => w.Join());
        Array.ForEach(handles, h => h.Dispose());
    }

    /// <summary>Copies a file, flushes it to the device, and reads it again.</summary>
    public static void RunDurably(string input, string output)
    {
        File.Copy(input, output);
        using (SafeFileHandle handle = File.OpenHandle(output, FileMode.Open, FileAccess.ReadWrite))
        {
            RandomAccess.FlushToDisk(handle);
        }

        Run([output], null, 1);
    }
}
