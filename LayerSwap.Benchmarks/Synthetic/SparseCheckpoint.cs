using LayerSwap.Checkpoints.Sharding;
using LayerSwap.Planning;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Benchmarks.Synthetic;

/// <summary>Writes checkpoints of any size whose data are holes, read as zeros. The file system must support sparse files.</summary>
internal static class SparseCheckpoint
{
    /// <summary>Writes a model into a folder, in shards of the given size or in one file.</summary>
    public static void Write(string folder, IEnumerable<TensorInfo> tensors, long shardSize = long.MaxValue)
    {
        Directory.CreateDirectory(folder);
        TensorInfo[] all = [.. tensors];
        Dictionary<string, string> metadata = new(StringComparer.Ordinal) { ["format"] = "pt" };
        IReadOnlyList<PlannedShard> shards = ShardLayout.Distribute(all, shardSize, metadata);
        foreach (PlannedShard shard in shards)
        {
            using FileStream file = new(Path.Combine(folder, shard.File), FileMode.CreateNew);
            file.Write(shard.Headers[0].Bytes);
            file.SetLength(shard.Length);
        }

        if (shards.Count > 1)
        {
            IEnumerable<KeyValuePair<string, string>> weightMap =
                shards.SelectMany(s => s.Tensors.Select(t => KeyValuePair.Create(t.Tensor.Name, s.File)));
            byte[] index = ShardIndexWriter.Write(weightMap, all.Sum(t => t.ByteLength));
            File.WriteAllBytes(Path.Combine(folder, ShardIndex.FileName), index);
        }
    }

    /// <summary>Writes the same bytes at several offsets, counted back from the end of a file.</summary>
    public static void Fill(string file, ReadOnlySpan<byte> bytes, params ReadOnlySpan<long> beforeEnd)
    {
        using SafeFileHandle handle = File.OpenHandle(file, FileMode.Open, FileAccess.Write);
        long length = RandomAccess.GetLength(handle);
        foreach (long offset in beforeEnd)
        {
            RandomAccess.Write(handle, bytes, length - offset);
        }
    }
}
