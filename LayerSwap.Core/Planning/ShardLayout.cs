using System.Globalization;
using System.Security.Cryptography;
using LayerSwap.Checkpoints;
using LayerSwap.Checkpoints.SafeTensors;
using LayerSwap.Checkpoints.TorchSharp;

namespace LayerSwap.Planning;

/// <summary>One output file: its name, headers, tensors and length in bytes.</summary>
internal sealed record PlannedShard(string File, IReadOnlyList<FileHeader> Headers, IReadOnlyList<PlacedTensor> Tensors, long Length)
{
    /// <summary>Computes the SHA-256 of all headers in file order, lower-case hexadecimal.</summary>
    public string ComputeHeaderHash()
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (FileHeader header in Headers)
        {
            hash.AppendData(header.Bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}

/// <summary>Bytes of a file that are no tensor data.</summary>
internal sealed record FileHeader(long Offset, byte[] Bytes);

/// <summary>A tensor with its file and byte offset.</summary>
internal sealed record PlacedTensor(TensorInfo Tensor, string File, long Offset);

/// <summary>Distributes tensors over shards, greedily in tensor order. A tensor larger than a shard gets its own.</summary>
internal static class ShardLayout
{
    /// <summary>Lays out all tensors in one TorchSharp file, in the order of their names' UTF-8 bytes. Each has its own header.</summary>
    public static PlannedShard LayOutTorchSharp(IEnumerable<TensorInfo> tensors)
    {
        const string File = "model.dat";
        TensorInfo[] ordered = [.. tensors.OrderBy(t => t.Name, Utf8Order.Instance)];
        List<FileHeader> headers = [];
        List<PlacedTensor> places = [];
        long offset = 0;
        foreach ((TensorInfo tensor, byte[] header) in ordered.Zip(TorchSharpHeaderWriter.Write(ordered)))
        {
            headers.Add(new FileHeader(offset, header));
            places.Add(new PlacedTensor(tensor, File, checked(offset + header.Length)));
            offset = checked(offset + header.Length + tensor.ByteLength);
        }

        return new PlannedShard(File, headers, places, offset);
    }

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

        return new PlannedShard(file, [new FileHeader(0, header)], places, offset);
    }

    private static string FileName(int index, int count) => count == 1
        ? SafeTensorsFormat.SingleFile
        : string.Create(CultureInfo.InvariantCulture, $"model-{index + 1:D5}-of-{count:D5}.safetensors");
}
