using LayerSwap.Planning;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Execution;

/// <summary>The weight files being written: created at full size with their headers, filled by position from any thread.</summary>
internal sealed class ShardFiles : IDisposable
{
    private readonly Dictionary<string, SafeFileHandle> _handles = new(StringComparer.Ordinal);

    public ShardFiles(string folder, IReadOnlyList<PlannedShard> shards)
    {
        try
        {
            foreach (PlannedShard shard in shards)
            {
                SafeFileHandle handle = File.OpenHandle(Path.Combine(folder, shard.File), FileMode.CreateNew, FileAccess.Write, FileShare.None, FileOptions.None, shard.Length);
                _handles.Add(shard.File, handle);
                RandomAccess.Write(handle, shard.Header, 0);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public void Write(string file, ReadOnlySpan<byte> bytes, long offset) => RandomAccess.Write(_handles[file], bytes, offset);

    public void Dispose()
    {
        foreach (SafeFileHandle handle in _handles.Values)
        {
            handle.Dispose();
        }
    }
}
