using System.Globalization;
using LayerSwap.Checkpoints.SafeTensors;

namespace LayerSwap.Planning;

/// <summary>One output file: its name, header, tensors and length in bytes.</summary>
internal sealed record PlannedShard(string File, byte[] Header, IReadOnlyList<PlacedTensor> Tensors, long Length);

/// <summary>A tensor with its file and byte offset.</summary>
internal sealed record PlacedTensor(TensorInfo Tensor, string File, long Offset);

/// <summary>Distributes tensors over shards, greedily in tensor order. A tensor larger than a shard gets its own.</summary>
internal static class ShardLayout
{
    public static IReadOnlyList<PlannedShard> Distribute(
        IReadOnlyList<TensorInfo> tensors, long shardSize, IReadOnlyDictionary<string, string> metadata)
    {
        List<List<TensorInfo>> groups = [[]];
        long filled = 0;
        foreach (TensorInfo tensor in tensors)
        {
            if (groups[^1].Count > 0 && filled + tensor.ByteLength > shardSize)
            {
                groups.Add([]);
                filled = 0;
            }

            groups[^1].Add(tensor);
            filled = checked(filled + tensor.ByteLength);
        }

        return [.. groups.Select((group, index) => Shard(FileName(index, groups.Count), group, metadata))];
    }

    private static PlannedShard Shard(string file, List<TensorInfo> group, IReadOnlyDictionary<string, string> metadata)
    {
        TensorInfo[] ordered = [.. SafeTensorsHeaderWriter.Order(group)];
        byte[] header = SafeTensorsHeaderWriter.Write(ordered, metadata);
        long offset = header.Length;
        List<PlacedTensor> places = new(ordered.Length);
        foreach (TensorInfo tensor in ordered)
        {
            places.Add(new PlacedTensor(tensor, file, offset));
            offset = checked(offset + tensor.ByteLength);
        }

        return new PlannedShard(file, header, places, offset);
    }

    private static string FileName(int index, int count) => count == 1
        ? SafeTensorsFormat.SingleFile
        : string.Create(CultureInfo.InvariantCulture, $"model-{index + 1:D5}-of-{count:D5}.safetensors");
}
