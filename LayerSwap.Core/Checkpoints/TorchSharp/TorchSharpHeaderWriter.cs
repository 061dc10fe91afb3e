using System.Text;

namespace LayerSwap.Checkpoints.TorchSharp;

/// <summary>Writes what precedes each tensor's data, with the shortest form of every number, as TorchSharp does.</summary>
internal static class TorchSharpHeaderWriter
{
    /// <summary>Writes the header of each tensor; the first also has the count. The data follow each header.</summary>
    /// <param name="tensors">The tensors in file order, of dtypes that TorchSharp has.</param>
    public static IReadOnlyList<byte[]> Write(IReadOnlyList<TensorInfo> tensors)
    {
        List<byte[]> headers = [];
        for (int i = 0; i < tensors.Count; i++)
        {
            TensorInfo tensor = tensors[i];
            byte[] name = Encoding.UTF8.GetBytes(tensor.Name);
            if (name.Length is 0 or > TorchSharpFormat.MaxNameLength || tensor.Shape.Rank > TorchSharpFormat.MaxRank)
            {
                throw new ArgumentException($"{tensor} has a name of {name.Length} bytes, or too many axes.", nameof(tensors));
            }

            List<byte> header = [];
            if (i == 0)
            {
                Append(header, tensors.Count);
            }

            Append(header, name.Length);
            header.AddRange(name);
            Append(header, TorchSharpFormat.ToCode(tensor.DType)
                ?? throw new ArgumentException($"TorchSharp has no {tensor.DType.Code()}.", nameof(tensors)));
            Append(header, tensor.Shape.Rank);
            foreach (long extent in tensor.Shape.Extents)
            {
                Append(header, extent);
            }

            headers.Add([.. header]);
        }

        return headers;
    }

    private static void Append(List<byte> header, long number)
    {
        for (; number > 0x7F; number >>= 7)
        {
            header.Add((byte)(number | 0x80));
        }

        header.Add((byte)number);
    }
}
