using LayerSwap.Checkpoints.Sharding;
using LayerSwap.Planning;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Benchmarks.Synthetic;

/// <summary>Checkpoints whose data are holes: of any size, all zeros, at the cost of their headers. The file system must know sparse files.</summary>
internal static class SparseCheckpoint
{
    /// <summary>Writes a model into a folder, in shards of this size or in one file.</summary>
    public static void Write(string folder, IEnumerable<TensorInfo> tensors, long shardSize = long.MaxValue)
    {
        Directory.CreateDirectory(folder);
        TensorInfo[] all = [.. tensors];
        IReadOnlyList<PlannedShard> shards = ShardLayout.Of(all, shardSize, new Dictionary<string, string>(StringComparer.Ordinal) { ["format"] = "pt" });
        foreach (PlannedShard shard in shards)
        {
            using FileStream file = new(Path.Combine(folder, shard.File), FileMode.CreateNew);
            file.Write(shard.Header);
            file.SetLength(shard.Length);
        }

        if (shards.Count > 1)
        {
            IEnumerable<KeyValuePair<string, string>> map = shards.SelectMany(s => s.Tensors.Select(t => KeyValuePair.Create(t.Tensor.Name, s.File)));
            File.WriteAllBytes(Path.Combine(folder, ShardIndex.FileName), ShardIndexWriter.Write(map, all.Sum(t => t.ByteLength)));
        }
    }

    /// <summary>Fills some places of a file, counted from its end.</summary>
    public static void Fill(string file, ReadOnlySpan<byte> bytes, params ReadOnlySpan<long> beforeEnd)
    {
        using SafeFileHandle handle = File.OpenHandle(file, FileMode.Open, FileAccess.Write);
        long length = RandomAccess.GetLength(handle);
        foreach (long place in beforeEnd)
        {
            RandomAccess.Write(handle, bytes, length - place);
        }
    }
}
