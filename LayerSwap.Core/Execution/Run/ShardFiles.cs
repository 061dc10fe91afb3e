using LayerSwap.IO;
using LayerSwap.Planning;
using LayerSwap.Streaming;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Execution;

/// <summary>The weight files being written: at full size with their headers from the start, filled by position from any thread, read back at the end.</summary>
internal sealed class ShardFiles : IDisposable
{
    private readonly Dictionary<string, SafeFileHandle> _handles = new(StringComparer.Ordinal);
    private readonly IFileOperations _files;
    private readonly IReadOnlyList<PlannedShard> _shards;
    private readonly string _folder;

    /// <summary>Creates them; one of an earlier run that has its size is taken up.</summary>
    public ShardFiles(IFileOperations files, string folder, IReadOnlyList<PlannedShard> shards)
    {
        _files = files;
        _folder = folder;
        _shards = shards;
        try
        {
            foreach (PlannedShard shard in shards)
            {
                string path = Path.Combine(folder, shard.File);
                FileStatus? there = FileStatus.OfEntry(path);
                bool usable = there is { Kind: FileKind.File, Links: 1 } && there.Identity.Length == shard.Length;
                if (there is not null && !usable)
                {
                    files.DeleteFile(path);
                }

                SafeFileHandle handle = usable ? files.Open(path) : files.Create(path, shard.Length);
                _handles.Add(shard.File, handle);
                files.Write(handle, shard.Header, 0);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public void Write(string file, ReadOnlySpan<byte> bytes, long offset) => _files.Write(_handles[file], bytes, offset);

    /// <summary>Reads a tensor back for its checksum.</summary>
    /// <returns>Null where its file is too short.</returns>
    public ulong? Checksum(BlockStreamer pump, int worker, PlannedTensor tensor) =>
        TensorChecksum.Read(pump, worker, tensor.Tensor, (offset, bytes) => _files.TryRead(_handles[tensor.File], bytes, tensor.Offset + offset));

    /// <summary>Reads the headers back, and sees that everything reaches the device.</summary>
    public void Sync()
    {
        foreach (PlannedShard shard in _shards)
        {
            string path = Path.Combine(_folder, shard.File);
            SafeFileHandle handle = _handles[shard.File];
            if (RandomAccess.GetLength(handle) != shard.Length)
            {
                throw new IOException($"{Printable.Escape(path)} has {RandomAccess.GetLength(handle)} bytes where {shard.Length} were written.");
            }

            WholeFile.RequireSame(_files, handle, path, shard.Header, 0);
            _files.Sync(handle, path);
        }
    }

    public void Dispose()
    {
        foreach (SafeFileHandle handle in _handles.Values)
        {
            handle.Dispose();
        }
    }
}
