using System.Buffers.Binary;
using System.Text;

namespace LayerSwap.Tests.Checkpoints;

/// <summary>Valid and invalid safetensors files, written without the library.</summary>
internal static class RawFile
{
    /// <summary>Length prefix, header, data.</summary>
    public static string Write(string path, ReadOnlySpan<byte> header, ReadOnlySpan<byte> data, ulong? announced = null)
    {
        byte[] bytes = new byte[8 + header.Length + data.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, announced ?? (ulong)header.Length);
        header.CopyTo(bytes.AsSpan(8));
        data.CopyTo(bytes.AsSpan(8 + header.Length));
        File.WriteAllBytes(path, bytes);
        return path;
    }

    public static string Write(string path, string header, int dataLength = 0) =>
        Write(path, Encoding.UTF8.GetBytes(header), Pattern(dataLength));

    /// <summary>A good file of vectors of U8, one after the other. The names need no escaping.</summary>
    public static string Vectors(string path, params (string Name, byte[] Data)[] tensors) => VectorsWith(path, "", tensors);

    /// <summary>As <see cref="Vectors"/>, with a <c>"__metadata__":{...},</c> in front.</summary>
    public static string VectorsWith(string path, string metadata, params (string Name, byte[] Data)[] tensors)
    {
        List<string> entries = [];
        int offset = 0;
        foreach ((string name, byte[] data) in tensors)
        {
            entries.Add($"\"{name}\":{{\"dtype\":\"U8\",\"shape\":[{data.Length}],\"data_offsets\":[{offset},{offset + data.Length}]}}");
            offset += data.Length;
        }

        return Write(path, Encoding.UTF8.GetBytes("{" + metadata + string.Join(',', entries) + "}"),
            tensors.SelectMany(t => t.Data).ToArray());
    }

    /// <summary>Bytes that depend on their offset.</summary>
    public static byte[] Pattern(int length, int seed = 0) =>
        [.. Enumerable.Range(seed, length).Select(i => (byte)((i * 31) + (i >> 8) + 7))];

    public static CheckpointException Refused(string path) => Assert.Throws<CheckpointException>(() => Checkpoint.Open(path).Dispose());
}
