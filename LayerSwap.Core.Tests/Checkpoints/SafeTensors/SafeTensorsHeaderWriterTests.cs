using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using LayerSwap.Checkpoints.SafeTensors;

namespace LayerSwap.Tests.Checkpoints;

public sealed class SafeTensorsHeaderWriterTests : IDisposable
{
    private static readonly Dictionary<string, string> None = [];

    private readonly TempFolder _folder = new();

    public static TheoryData<string, string> Escapes() => new()
    {
        { "quote\"", "quote\\\"" },
        { "back\\slash", "back\\\\slash" },
        { "\b\f\n\r\t", "\\b\\f\\n\\r\\t" },
        { "\0\u0001\u001f", "\\u0000\\u0001\\u001f" },
        { "/ < > & ' + \u007f", "/ < > & ' + \u007f" },
        { "é \u2028 \uFFFD \uE000", "é \u2028 \uFFFD \uE000" },
        { "😀", "😀" },
    };

    [Fact]
    public void No_tensor_is_an_empty_object_padded_to_eight() => Assert.Equal("{}      ", Json(Write([], None)));

    [Fact]
    public void The_usual_header_is_compact_with_metadata_first()
    {
        Dictionary<string, string> metadata = new(StringComparer.Ordinal) { ["format"] = "pt" };
        string json = Json(Write([Tensor("b", DType.Float32, 2, 2), Tensor("a", DType.BFloat16, 3)], metadata));
        Assert.Equal(
            "{\"__metadata__\":{\"format\":\"pt\"},\"b\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},"
            + "\"a\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[16,22]}}",
            json.TrimEnd(' '));
    }

    [Fact]
    public void Scalars_and_empty_tensors_are_written_like_the_reference() => Assert.Equal(
        "{\"e\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[0,0]},\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}",
        Json(Write([Tensor("s", DType.Float32), Tensor("e", DType.Float32, 0, 7)], None)).TrimEnd(' '));

    [Fact]
    public void Tensors_are_sorted_by_descending_dtype_then_by_name_bytes()
    {
        // U+FFFD is above the surrogates in UTF-16, but below U+1F600 in UTF-8.
        TensorInfo[] tensors =
        [
            Tensor("z", DType.Bool, 1), Tensor("😀", DType.UInt8, 1),
            Tensor("\uFFFD", DType.UInt8, 1), Tensor("layers.10", DType.UInt8, 1),
            Tensor("layers.2", DType.UInt8, 1), Tensor("layers", DType.UInt8, 1), Tensor("Z", DType.UInt8, 1), Tensor("é", DType.UInt8, 1),
            Tensor("a", DType.UInt64, 1), Tensor("a8", DType.Float8E4M3, 1), Tensor("b", DType.Float16, 1), Tensor("c", DType.BFloat16, 1),
        ];
        Assert.Equal(
            ["a", "c", "b", "a8", "Z", "layers", "layers.10", "layers.2", "é", "\uFFFD", "😀", "z"],
            SafeTensorsHeaderWriter.Order(tensors).Select(t => t.Name),
            StringComparer.Ordinal);
    }

    [Fact]
    public void Dtypes_have_the_order_of_the_reference() => Assert.Equal(
        "U64 I64 F64 C64 F32 U32 I32 BF16 F16 U16 I16 F8_E5M2FNUZ F8_E4M3FNUZ F8_E8M0 F8_E4M3 F8_E5M2 I8 U8 F6_E3M2 F6_E2M3 F4 BOOL",
        string.Join(' ', SafeTensorsHeaderWriter.Order(DTypes.All.Select(d => Tensor("t" + (int)d, d, 4))).Select(t => t.DType.Code())));

    [Fact]
    public void Metadata_is_sorted_by_the_bytes_of_its_keys()
    {
        Dictionary<string, string> metadata = new(StringComparer.Ordinal) { ["😀"] = "4", ["\uFFFD"] = "3", ["b"] = "2", ["B"] = "1" };
        Assert.Equal("{\"__metadata__\":{\"B\":\"1\",\"b\":\"2\",\"\uFFFD\":\"3\",\"😀\":\"4\"}}",
            Json(Write([], metadata)).TrimEnd(' '));
    }

    [Theory]
    [MemberData(nameof(Escapes))]
    public void Only_required_characters_are_escaped(string text, string written)
    {
        Dictionary<string, string> metadata = new(StringComparer.Ordinal) { [text] = text };
        Assert.Equal(
            $"{{\"__metadata__\":{{\"{written}\":\"{written}\"}},\"{written}\":{{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}}}",
            Json(Write([Tensor(text, DType.UInt8, 1)], metadata)).TrimEnd(' '));
    }

    [Fact]
    public void Every_header_is_padded_with_spaces_to_a_multiple_of_eight_and_no_further()
    {
        for (int length = 0; length < 17; length++)
        {
            byte[] bytes = Write([Tensor(new string('n', length), DType.UInt8, 1)], None);
            string json = Encoding.UTF8.GetString(bytes.AsSpan(8));
            Assert.Equal((ulong)json.Length, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            Assert.Equal(0, json.Length % 8);
            Assert.InRange(json.Length - json.TrimEnd(' ').Length, 0, 7);
        }
    }

    [Fact]
    public void Offsets_past_four_gigabytes_are_written() => Assert.Contains(
        "[5368709120,10737418240]",
        Json(Write([Tensor("a", DType.UInt8, 5L << 30), Tensor("b", DType.UInt8, 5L << 30)], None)),
        StringComparison.Ordinal);

    [Fact]
    public void The_name_metadata_and_duplicate_names_are_rejected()
    {
        Assert.Contains("__metadata__", Refused(Tensor("__metadata__", DType.UInt8, 1)), StringComparison.Ordinal);
        Assert.Contains("twin", Refused(Tensor("twin", DType.UInt8, 1), Tensor("twin", DType.Int8, 1)), StringComparison.Ordinal);
    }

    [Fact]
    public void An_invalid_Unicode_name_is_rejected()
    {
        Assert.Contains("\\uD800", Refused(Tensor("a\uD800b", DType.UInt8, 1)), StringComparison.Ordinal);
        Dictionary<string, string> metadata = new(StringComparer.Ordinal) { ["k"] = "\uDC00" };
        Assert.Throws<ArgumentException>(() => Write([], metadata));
    }

    [Fact]
    public void Headers_that_the_reader_rejects_are_not_written()
    {
        Assert.Contains("65537", Refused(Tensor(new string('n', 65537), DType.UInt8, 1)), StringComparison.Ordinal);
        Assert.Contains("64", Refused(new TensorInfo("deep", DType.UInt8, new TensorShape([.. Enumerable.Repeat(1L, 65)]))),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Written_headers_are_read_back()
    {
        string path = _folder["x.safetensors"];
        Prop.ForAll(Models().ToArbitrary(), model =>
        {
            TensorInfo[] tensors = [.. SafeTensorsHeaderWriter.Order(model.Tensors)];
            byte[] header = SafeTensorsHeaderWriter.Write(tensors, model.Metadata);
            byte[] data = RawFile.Pattern(checked((int)tensors.Sum(t => t.ByteLength)));
            File.WriteAllBytes(path, [.. header, .. data]);
            using ICheckpoint checkpoint = Checkpoint.Open(path);
            Assert.Equal(model.Metadata.OrderBy(m => m.Key, StringComparer.Ordinal),
                checkpoint.Metadata.OrderBy(m => m.Key, StringComparer.Ordinal));
            Assert.Equal(tensors.OrderBy(t => t.Name, StringComparer.Ordinal),
                checkpoint.Tensors.OrderBy(t => t.Name, StringComparer.Ordinal));
            int offset = 0;
            foreach (TensorInfo tensor in tensors)
            {
                Assert.Equal(data[offset..(offset + (int)tensor.ByteLength)], SmallModels.Bytes(checkpoint, tensor.Name));
                offset += (int)tensor.ByteLength;
            }

            // Uses an independent parser and byte order.
            using JsonDocument json = JsonDocument.Parse(header.AsMemory(8));
            string[] names = [.. json.RootElement.EnumerateObject().Where(p => p.Name != "__metadata__").Select(p => p.Name)];
            Assert.Equal(tensors.Select(t => t.Name), names, StringComparer.Ordinal);
            Assert.All(tensors.Zip(tensors.Skip(1)), pair => Assert.True(
                pair.First.DType > pair.Second.DType
                || (pair.First.DType == pair.Second.DType
                    && Encoding.UTF8.GetBytes(pair.First.Name).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(pair.Second.Name)) < 0)));
        }).Check(Properties.Config);
    }

    public void Dispose() => _folder.Dispose();

    private static Gen<(TensorInfo[] Tensors, Dictionary<string, string> Metadata)> Models()
    {
        Gen<string> text = Gen.Elements("a", "B", "0", "10", ".", "/", "..", "é", "\"", "\\", "\0", "\u0001", "\n",
            "\u001f", "\u007f", "\u2028", "\uE000", "\uFFFD", "😀", "\U0010FFFF", "\U00010000", "__metadata__")
            .ListOf().Select(parts => string.Concat(parts.Take(6)));
        Gen<TensorInfo> tensor = from name in text
                                 from dtype in Gen.Elements(DTypes.All.ToArray())
                                 from extents in Gen.Choose(0, 3).ListOf()
                                 select new TensorInfo(name, dtype,
                                     new TensorShape([.. extents.Take(4).Select(x => (long)x), .. dtype.Bits() < 8 ? new[] { 4L } : []]));
        Gen<(string Key, string Value)> pair = from key in text
                                               from value in text
                                               select (key, value);
        return from tensors in tensor.ListOf()
               from pairs in pair.ListOf()
               select (
                   tensors.Where(t => t.Name != "__metadata__").DistinctBy(t => t.Name, StringComparer.Ordinal).ToArray(),
                   pairs.DistinctBy(p => p.Key, StringComparer.Ordinal).ToDictionary(p => p.Key, p => p.Value, StringComparer.Ordinal));
    }

    private static TensorInfo Tensor(string name, DType dtype, params long[] extents) => new(name, dtype, new TensorShape(extents));

    private static byte[] Write(IEnumerable<TensorInfo> tensors, Dictionary<string, string> metadata) =>
        SafeTensorsHeaderWriter.Write([.. SafeTensorsHeaderWriter.Order(tensors)], metadata);

    private static string Refused(params TensorInfo[] tensors) => Assert.Throws<ArgumentException>(() => Write(tensors, None)).Message;

    private static string Json(byte[] header)
    {
        Assert.Equal((ulong)header.Length - 8, BinaryPrimitives.ReadUInt64LittleEndian(header));
        return Encoding.UTF8.GetString(header.AsSpan(8));
    }
}
