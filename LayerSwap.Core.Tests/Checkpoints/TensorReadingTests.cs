using System.Buffers.Binary;
using System.Text;

namespace LayerSwap.Tests.Checkpoints;

public sealed class TensorReadingTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public enum Source
    {
        File,
        Folder,
        Shards,
        Memory,
        Stack,
    }

    public static TheoryData<Source> Sources() => [.. Enum.GetValues<Source>()];

    [Theory]
    [MemberData(nameof(Sources))]
    public void Any_window_of_a_tensor_can_be_read(Source source)
    {
        byte[] data = RawFile.Pattern(23);
        using ICheckpoint checkpoint = Make(source, data);
        for (int offset = 0; offset <= data.Length; offset++)
        {
            for (int length = 0; offset + length <= data.Length; length++)
            {
                byte[] window = new byte[length];
                checkpoint.Read("h.0.w", offset, window);
                Assert.Equal(data[offset..(offset + length)], window);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sources))]
    public void Reading_outside_the_tensor_throws_an_argument_exception(Source source)
    {
        using ICheckpoint checkpoint = Make(source, RawFile.Pattern(23));
        foreach ((long offset, int length) in new[]
            { (-1L, 1), (23L, 1), (0L, 24), (20L, 4), (24L, 0), (long.MaxValue, 1), (long.MaxValue, 0), (long.MinValue, 0), (-23L, 23) })
        {
            string message = Assert.ThrowsAny<ArgumentException>(() => checkpoint.Read("h.0.w", offset, new byte[length])).Message;
            Assert.Contains("h.0.w", message, StringComparison.Ordinal);
        }

        Assert.Contains("no such\\u000A",
            Assert.Throws<ArgumentException>(() => checkpoint.Read("no such\n", 0, [])).Message, StringComparison.Ordinal);
        Assert.Null(checkpoint.Find("no such\n"));
    }

    [Theory]
    [InlineData(DType.UInt8, 5L << 30)]
    [InlineData(DType.BFloat16, (5L << 29) + 3)]
    public void A_tensor_past_four_gigabytes_is_read_at_any_offset(DType dtype, long elements)
    {
        string path = _folder["big.safetensors"];
        long bytes = elements * dtype.Bits() / 8;
        byte[] header = Encoding.UTF8.GetBytes(
            $"{{\"big\":{{\"dtype\":\"{dtype.Code()}\",\"shape\":[{elements}],\"data_offsets\":[0,{bytes}]}},"
                + $"\"tail\":{{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[{bytes},{bytes + 2}]}}}}");
        using (FileStream file = new(path, FileMode.CreateNew))
        {
            byte[] prefix = new byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)header.Length);
            file.Write(prefix);
            file.Write(header);
            file.SetLength(8 + header.Length + bytes + 2);
            foreach (long place in new[] { 0, (1L << 31) - 2, (1L << 32) - 2, bytes - 4 })
            {
                file.Position = 8 + header.Length + place;
                file.Write([1, 2, 3, 4]);
            }

            file.Position = 8 + header.Length + bytes;
            file.Write([8, 9]);
        }

        using ICheckpoint checkpoint = Checkpoint.Open(path);
        Assert.Equal(bytes, checkpoint.Find("big")!.ByteLength);
        Assert.Equal([8, 9], SmallModels.Bytes(checkpoint, "tail"));
        using Stream stream = checkpoint.OpenTensor("big");
        Assert.Equal(bytes, stream.Length);
        foreach (long place in new[] { 0, (1L << 31) - 2, (1L << 32) - 2, bytes - 4 })
        {
            byte[] four = new byte[4];
            checkpoint.Read("big", place, four);
            Assert.Equal([1, 2, 3, 4], four);
            stream.Seek(place - bytes, SeekOrigin.End);
            stream.ReadExactly(four);
            Assert.Equal([1, 2, 3, 4], four);
        }

        Assert.Equal(0, stream.Read(new byte[1]));
        Assert.ThrowsAny<ArgumentException>(() => checkpoint.Read("big", bytes - 3, new byte[4]));
    }

    [Theory]
    [InlineData(Source.File)]
    [InlineData(Source.Folder)]
    [InlineData(Source.Shards)]
    [InlineData(Source.Stack)]
    public void A_file_truncated_after_opening_is_reported(Source source)
    {
        using ICheckpoint checkpoint = Make(source, RawFile.Pattern(23));
        string path = checkpoint.FileOf("h.0.w")!;
        using (FileStream file = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(file.Length - 5);
        }

        InputChangedException error = Assert.Throws<InputChangedException>(() => SmallModels.Bytes(checkpoint, "h.0.w"));
        Assert.Equal(path, error.File);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(source == Source.Stack ? "h.1.w" : "h.0.w", error.Message, StringComparison.Ordinal);
        byte[] still = new byte[18];
        checkpoint.Read("h.0.w", 0, still);
        Assert.Equal(RawFile.Pattern(18), still);
    }

    [Fact]
    public void A_tensors_stream_reads_and_seeks_and_ends()
    {
        byte[] data = RawFile.Pattern(100);
        using ICheckpoint checkpoint = Make(Source.File, data);
        using Stream stream = checkpoint.OpenTensor("h.0.w");
        Assert.True(stream is { CanRead: true, CanSeek: true, CanWrite: false, Length: 100, Position: 0 });
        byte[] buffer = new byte[64];
        Assert.Equal(64, stream.Read(buffer, 0, 64));
        Assert.Equal(data[..64], buffer);
        Assert.Equal(36, stream.Read(buffer));
        Assert.Equal(data[64..], buffer[..36]);
        Assert.Equal(0, stream.Read(buffer));
        Assert.Equal(-1, stream.ReadByte());
        Assert.Equal(10, stream.Seek(10, SeekOrigin.Begin));
        Assert.Equal(data[10], stream.ReadByte());
        Assert.Equal(9, stream.Seek(-2, SeekOrigin.Current));
        Assert.Equal(99, stream.Seek(-1, SeekOrigin.End));
        Assert.Equal(data[99], stream.ReadByte());
        stream.Position = 1000;
        Assert.Equal(0, stream.Read(buffer));
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.Position = -1);
        Assert.ThrowsAny<ArgumentException>(() => stream.Seek(-1, SeekOrigin.Begin));
        Assert.Equal(1000, stream.Position);
        stream.Position = 0;
        using MemoryStream copy = new();
        stream.CopyTo(copy, 7);
        Assert.Equal(data, copy.ToArray());
        Assert.Throws<NotSupportedException>(() => stream.SetLength(1));
        Assert.Throws<NotSupportedException>(() => stream.Write(buffer, 0, 1));
        Assert.Throws<ArgumentException>(() => checkpoint.OpenTensor("no such"));
    }

    [Fact]
    public void An_empty_tensor_is_read_and_streamed()
    {
        RawFile.Vectors(_folder["e.safetensors"], ("empty", []), ("one", [1]));
        using ICheckpoint checkpoint = Checkpoint.Open(_folder["e.safetensors"]);
        checkpoint.Read("empty", 0, []);
        checkpoint.ReadInto<float>("empty", []);
        using Stream stream = checkpoint.OpenTensor("empty");
        Assert.Equal(-1, stream.ReadByte());
    }

    [Fact]
    public void A_tensor_is_read_into_any_kind_of_element()
    {
        using ICheckpoint checkpoint = SmallModels.Of("m", DType.Float32, ("w", [2, 2], [1, -2, 0.5, 4]));
        float[] values = new float[4];
        checkpoint.ReadInto("w", values.AsSpan());
        Assert.Equal([1, -2, 0.5f, 4], values);
        byte[] bytes = new byte[16];
        checkpoint.ReadInto("w", bytes.AsSpan());
        Assert.Equal(SmallModels.Bytes(checkpoint, "w"), bytes);
        string message = Assert.Throws<ArgumentException>(() => checkpoint.ReadInto("w", new float[3].AsSpan())).Message;
        Assert.Contains("16 bytes", message, StringComparison.Ordinal);
        Assert.Contains("12", message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => checkpoint.ReadInto("w", new double[4].AsSpan()));
        Assert.Throws<ArgumentException>(() => checkpoint.ReadInto("v", new float[4].AsSpan()));
    }

    [Fact]
    public void In_memory_tensors_need_matching_lengths_and_unique_names()
    {
        TensorInfo two = new("w", DType.Float16, new TensorShape(2));
        Assert.Contains("needs 4 bytes",
            Assert.Throws<ArgumentException>(() => Checkpoint.InMemory("m", [(two, new byte[5])])).Message, StringComparison.Ordinal);
        Assert.Contains("twice",
            Assert.Throws<ArgumentException>(() => Checkpoint.InMemory("m", [(two, new byte[4]), (two, new byte[4])])).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Checkpoint.InMemory("", []));
        Assert.Throws<ArgumentNullException>(() => Checkpoint.InMemory("m", null!));
        using ICheckpoint empty = Checkpoint.InMemory("m", []);
        Assert.Empty(empty.Tensors);
        Assert.Null(empty.Folder);
        Assert.Empty(empty.Files);
    }

    [Fact]
    public void Names_that_differ_only_in_case_or_composition_are_different()
    {
        using ICheckpoint checkpoint =
            Checkpoint.Open(RawFile.Vectors(_folder["x.safetensors"], ("a", [1]), ("A", [2]), ("\u00E9", [3]), ("e\u0301", [4])));
        Assert.Equal(4, checkpoint.Tensors.Count);
        Assert.Equal([2], SmallModels.Bytes(checkpoint, "A"));
        Assert.Equal([4], SmallModels.Bytes(checkpoint, "e\u0301"));
    }

    [Theory]
    [MemberData(nameof(Sources))]
    public void Many_threads_read_at_once(Source source)
    {
        byte[] data = RawFile.Pattern(1 << 16);
        using ICheckpoint checkpoint = Make(source, data);
        Parallel.For(0, 2000, new ParallelOptions { MaxDegreeOfParallelism = 16 }, i =>
        {
            int offset = (int)(i * 2654435761L % (data.Length - 300));
            byte[] window = new byte[i % 300];
            checkpoint.Read("h.0.w", offset, window);
            Assert.True(window.AsSpan().SequenceEqual(data.AsSpan(offset, window.Length)));
        });
    }

    [Fact]
    public void A_checkpoint_is_closed_by_disposing_it()
    {
        ICheckpoint checkpoint = Make(Source.File, RawFile.Pattern(4));
        checkpoint.Dispose();
        checkpoint.Dispose();
        Assert.Throws<ObjectDisposedException>(() => SmallModels.Bytes(checkpoint, "h.0.w"));
    }

    [Fact]
    public void Files_are_identified_by_length_and_header_hash()
    {
        string path = RawFile.Vectors(_folder["x.safetensors"], ("a", [1, 2, 3]));
        byte[] bytes = File.ReadAllBytes(path);
        using ICheckpoint checkpoint = Checkpoint.Open(path);
        CheckpointFile file = Assert.Single(checkpoint.Files);
        Assert.Equal(path, file.Path);
        Assert.Equal(bytes.Length, file.Length);
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes.AsSpan(0, bytes.Length - 3))),
            file.HeaderHash);
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>One tensor h.0.w behind and before others, in every kind of checkpoint.</summary>
    private ICheckpoint Make(Source source, byte[] data)
    {
        switch (source)
        {
            case Source.File:
                return Checkpoint.Open(RawFile.Vectors(_folder["m.safetensors"], ("first", [255, 255, 255]), ("h.0.w", data)));
            case Source.Folder:
                RawFile.Vectors(_folder["model.safetensors"], ("first", [255, 255, 255]), ("h.0.w", data));
                return Checkpoint.Open(_folder.Path);
            case Source.Shards:
                RawFile.Vectors(_folder["1"], ("first", [255, 255, 255]));
                RawFile.Vectors(_folder["2"], ("h.1.w", [255]), ("h.0.w", data));
                File.WriteAllText(_folder["model.safetensors.index.json"],
                    "{\"weight_map\":{\"first\":\"1\",\"h.0.w\":\"2\",\"h.1.w\":\"2\"}}");
                return Checkpoint.Open(_folder.Path);
            case Source.Memory:
                return Checkpoint.InMemory("m", [(new TensorInfo("h.0.w", DType.UInt8, new TensorShape(data.Length)), data)]);
            default:
                return Checkpoint.Stack((Checkpoint.Open(RawFile.Vectors(_folder["m.safetensors"], ("h.0.w", [255]), ("h.1.w", data))),
                    1..2));
        }
    }
}
