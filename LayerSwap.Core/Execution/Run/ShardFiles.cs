using LayerSwap.IO;
using LayerSwap.Planning;
using LayerSwap.Streaming;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Execution;

/// <summary>The weight files being written: created at full size with their headers, then filled at any offset by any thread.</summary>
internal sealed class ShardFiles : IDisposable
{
    private readonly Dictionary<string, SafeFileHandle> _handles = new(StringComparer.Ordinal);
    private readonly IFileOperations _files;
    private readonly IReadOnlyList<PlannedShard> _shards;
    private readonly string _folder;

    /// <summary>Creates the files, or reuses those of an interrupted run that have the right size.</summary>
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
                FileStatus? existing = FileStatus.ReadEntry(path);
                bool reusable = existing is { Kind: FileKind.File, Links: 1 } && existing.Identity.Length == shard.Length;
                if (existing is not null && !reusable)
                {
                    files.DeleteFile(path);
                }

                SafeFileHandle handle = reusable ? files.Open(path) : files.Create(path, shard.Length);
                _handles.Add(shard.File, handle);
                foreach (FileHeader header in shard.Headers)
                {
                    files.Write(handle, header.Bytes, header.Offset);
                }
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public void Write(string file, ReadOnlySpan<byte> bytes, long offset) => _files.Write(_handles[file], bytes, offset);

    /// <summary>Reads a tensor back and computes its checksum.</summary>
    /// <returns>Null if the file is too short.</returns>
    public ulong? Checksum(BlockStreamer streamer, int worker, PlannedTensor tensor) =>
        TensorChecksum.Compute(streamer, worker, tensor.Tensor, (offset, bytes) =>
            _files.TryRead(_handles[tensor.File], bytes, tensor.Offset + offset));

    /// <summary>Compares the headers with what was written, and syncs every file to its device.</summary>
    public void Sync()
    {
        foreach (PlannedShard shard in _shards)
        {
            string path = Path.Combine(_folder, shard.File);
            SafeFileHandle handle = _handles[shard.File];
            long length = RandomAccess.GetLength(handle);
            if (length != shard.Length)
            {
                throw new IOException($"{Printable.Escape(path)} has {length} bytes where {shard.Length} were written.");
            }

            foreach (FileHeader header in shard.Headers)
            {
                AtomicFile.VerifyWritten(_files, handle, path, header.Bytes, header.Offset);
            }

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
