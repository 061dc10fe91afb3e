using System.Text;
using FsCheck;
using FsCheck.Fluent;
using LayerSwap.Tests.Checkpoints;

namespace LayerSwap.Tests.Conformance;

/// <summary>Headers beyond the shared cases are accepted, or rejected with a checkpoint exception.</summary>
public sealed class HostileHeaderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    /// <summary>Description, header, data length, named tensor, parts of the message.</summary>
    public static TheoryData<string, string, int, string?, string[]> Bad()
    {
        TheoryData<string, string, int, string?, string[]> cases = new()
        {
            { "byte order mark", "\uFEFF{}", 0, null, ["line 1", "column 1"] },
            { "no header at all", "", 0, null, ["line 1", "column 1"] },
            { "a form feed is no JSON white space", "{}\f", 0, null, ["line 1, column 3"] },
            { "line and column are counted", "{\n  \"a\": nul\n}", 0, null, ["line 2"] },
            { "data without tensors", "{}", 3, null, ["3 bytes are too many"] },
            { "all missing bytes are counted", "{" + Entry("a", 0, 4) + "," + Entry("b", 4, 8) + ","
                + Entry("c", 8, 12) + "}", 2, null, ["need 12 bytes", "only 2 are there", "10 bytes are missing"] },
            { "nothing but missing bytes", "{" + Entry("a", 0, 4) + "}", 0, null, ["4 bytes are missing"] },
            { "depth 9", With("\"x\":[[[[[[[1]]]]]]]"), 1, null, ["depth"] },
            { "very deep in an unknown field", With("\"x\":" + new string('[', 200_000)), 1, null, ["depth"] },
            { "very deep objects", string.Concat(Enumerable.Repeat("{\"a\":", 10_000)), 0, null, ["object"] },
            { "key twice in the metadata", "{\"__metadata__\":{\"key\":\"1\",\"k\\u0065y\":\"2\"}}", 0, null, ["key", "twice"] },
            { "metadata null twice", "{\"__metadata__\":null,\"__met\\u0061data__\":null}", 0, null, ["__metadata__", "twice"] },
            { "metadata twice, null first", "{\"__metadata__\":null,\"__metadata__\":{}}", 0, null, ["__metadata__", "twice"] },
            { "metadata is a list", "{\"__metadata__\":[]}", 0, null, ["__metadata__", "object"] },
            { "metadata is a number", "{\"__metadata__\":7}", 0, null, ["__metadata__", "object"] },
            { "metadata is true", "{\"__metadata__\":true}", 0, null, ["__metadata__", "object"] },
            { "metadata value null", "{\"__metadata__\":{\"a\\u001bb\":null}}", 0, null, ["__metadata__", "a\\u001Bb"] },
            { "metadata is a tensor", "{\"__metadata__\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
                1, null, ["__metadata__", "shape"] },
            { "field twice after unescaping", With("\"\\u0064type\":\"U8\""), 1, "a", ["dtype", "twice"] },
            { "unknown field twice", With("\"x\":1,\"\\u0078\":2"), 1, "a", ["field x", "twice"] },
            { "key twice within an unknown field", With("\"x\":[{\"k\":1,\"\\u006b\":2}]"), 1, "a", ["k", "twice"] },
            { "lone surrogate in a name", "{\"\\ud800\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
                0, null, ["line 1, column 2", "Unicode"] },
            { "lone low surrogate in a name", "{\"a\\udc00\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
                0, null, ["line 1", "Unicode"] },
            { "surrogates the wrong way round", "{\"\\udc00\\ud800\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
                0, null, ["line 1", "Unicode"] },
            { "lone surrogate on line 3", "{\n\n \"\\ud800\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
                0, null, ["line 3, column 2", "Unicode"] },
            { "lone surrogate in a metadata key", "{\"__metadata__\":{\"\\ud800\":\"x\"}}", 0, null, ["line 1", "Unicode"] },
            { "lone surrogate in a metadata value", "{\"__metadata__\":{\"x\":\"\\udfff\"}}", 0, null, ["line 1", "Unicode"] },
            { "lone surrogate in a dtype", "{\"a\":{\"dtype\":\"\\ud834\",\"shape\":[1],\"data_offsets\":[0,1]}}",
                1, null, ["line 1", "Unicode"] },
            { "lone surrogate in an unknown field's name", With("\"\\ud834\":1"), 1, null, ["line 1", "Unicode"] },
            { "lone surrogate in a shape", Shape("[\"\\ud834\"]", 0, 1), 1, null, ["line 1", "Unicode"] },
            { "half an escape", "{\"\\u12\":{}}", 0, null, ["line 1"] },
            { "extent 2^63 of nothing", Shape("[0,9223372036854775808]", 0, 0),
                0, "a", ["9223372036854775808", "2^63", "LayerSwap's own"] },
            { "product 2^63 of nothing", Shape("[4611686018427387904,2,0]", 0, 0),
                0, "a", ["[4611686018427387904, 2, 0]", "2^63", "LayerSwap's own"] },
            { "overflow, then a zero", Shape("[4294967296,4294967296,0]", 0, 0), 0, "a", ["2^64"] },
            { "overflow by the width alone", Shape("[2305843009213693952]", 0, 0), 0, "a", ["2^64"] },
            { "65 dimensions", Shape("[" + string.Join(',', Enumerable.Repeat("1", 65)) + "]", 0, 1),
                1, "a", ["shape", "64", "LayerSwap's own"] },
            { "shape is null", Shape("null", 0, 1), 1, "a", ["shape", "null", "list"] },
            { "shape is a number", Shape("1", 0, 1), 1, "a", ["shape", "is 1", "list"] },
            { "shape in a shape", Shape("[[1]]", 0, 1), 1, "a", ["shape", "list"] },
            { "shape 1E400", Shape("[1E400]", 0, 1), 1, "a", ["shape", "1E400", "unsigned"] },
            { "shape 1e-400", Shape("[1e-400]", 0, 1), 1, "a", ["shape", "1e-400", "unsigned"] },
            { "shape 2^64 - 1", Shape("[18446744073709551615]", 0, 1), 1, "a", ["18446744073709551615", "2^64"] },
            { "shape of a thousand digits", Shape("[" + new string('9', 1000) + "]", 0, 1), 1, "a", ["shape", "unsigned", "characters"] },
            { "one data offset", Offsets("[1]"), 1, "a", ["data_offsets", "1 number", "two"] },
            { "no data offset", Offsets("[]"), 1, "a", ["data_offsets", "0 numbers", "two"] },
            { "three data offsets", Offsets("[0,1,1]"), 1, "a", ["data_offsets", "3 numbers", "two"] },
            { "a thousand data offsets", Offsets("[" + string.Join(',', Enumerable.Repeat("0", 1000)) + "]"),
                1, "a", ["data_offsets", "two"] },
            { "data offsets in a list", Offsets("[[0,1]]"), 1, "a", ["data_offsets", "list"] },
            { "data offsets in an object", Offsets("{\"0\":1}"), 1, "a", ["data_offsets", "object"] },
            { "data offsets in a text", Offsets("\"0,1\""), 1, "a", ["data_offsets", "\"0,1\""] },
            { "data offsets null", Offsets("null"), 1, "a", ["data_offsets", "null"] },
            { "data offsets 2^64 - 1", Offsets("[18446744073709551615,18446744073709551615]"),
                1, "a", ["18446744073709551615", "starts at 0"] },
            { "data offsets 1E400", Offsets("[0,1E400]"), 1, "a", ["data_offsets", "1E400"] },
            { "data offset negative", Offsets("[0,-1]"), 1, "a", ["data_offsets", "-1"] },
            { "dtype empty", "{\"a\":{\"dtype\":\"\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "a", ["dtype", "\"\"", "BF16"] },
            { "dtype with a space", "{\"a\":{\"dtype\":\"U8 \",\"shape\":[1],\"data_offsets\":[0,1]}}",
                1, "a", ["dtype", "\"U8 \"", "BF16"] },
            { "dtype with a NUL", "{\"a\":{\"dtype\":\"U8\\u0000\",\"shape\":[1],\"data_offsets\":[0,1]}}",
                1, "a", ["dtype", "U8\\u0000", "BF16"] },
            { "dtype is a list", "{\"a\":{\"dtype\":[\"U8\"],\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "a", ["dtype", "a list", "BF16"] },
            { "an escape sequence in a name", "{\"\\u001b[2J\\r\\n\":{}}", 0, "\u001b[2J\r\n", ["\\u001B[2J\\u000D\\u000A", "missing"] },
            { "entry is a text", "{\"a\":\"U8\"}", 0, "a", ["\"U8\"", "object"] },
            { "entry is a number", "{\"a\":1e999}", 0, "a", ["1e999", "object"] },
            { "raw line feed in a name", "{\"a\nb\":{}}", 0, null, ["line 1"] },
            { "raw tab in a name", "{\"a\tb\":{}}", 0, null, ["line 1"] },
            { "single quotes", "{'a':{}}", 0, null, ["line 1, column 2"] },
            { "comma first", "{,}", 0, null, ["line 1, column 2"] },
            { "value missing", "{\"a\":}", 0, null, ["line 1"] },
            { "hexadecimal", Shape("[0x1]", 0, 1), 1, null, ["line 1"] },
            { "plus sign", Shape("[+1]", 0, 1), 1, null, ["line 1"] },
            { "no digit before the point", Shape("[.5]", 0, 1), 1, null, ["line 1"] },
            { "Infinity", Shape("[Infinity]", 0, 1), 1, null, ["line 1"] },
            { "comment at the end", "{}//x", 0, null, ["line 1, column 3"] },
            { "two objects", "{} {}", 0, null, ["line 1, column 4"] },
            { "NUL after the object", "{}\0", 0, null, ["line 1, column 3"] },
            { "object not closed", "{\"__metadata__\":{}", 0, null, ["line 1"] },
            { "name of 64 KiB and one", "{" + Entry(new string('n', 65537), 0, 1) + "}", 1, null, ["65537", "65536", "LayerSwap's own"] },
            { "name of 64 KiB and two, in 2-byte letters", "{" + Entry(new string('é', 32769), 0, 1) + "}", 1, null, ["65538", "65536"] },
        };
        return cases;
    }

    public static TheoryData<string, string, int> Good() => new()
    {
        { "empty object", "{}", 0 },
        { "white space of all kinds", " \t\r\n{ \t\r\n} \t\r\n", 0 },
        { "depth 8", With("\"x\":[[[[[[1]]]]]]"), 1 },
        { "64 dimensions", Shape("[" + string.Join(',', Enumerable.Repeat("1", 64)) + "]", 0, 1), 1 },
        { "name of 64 KiB", "{" + Entry(new string('n', 65536), 0, 1) + "}", 1 },
        { "name of 64 KiB in 2-byte letters", "{" + Entry(new string('é', 32768), 0, 1) + "}", 1 },
        { "short name, long in escapes", "{" + Entry(string.Concat(Enumerable.Repeat("\\u0041", 20_000)), 0, 1) + "}", 1 },
        { "empty name", "{" + Entry("", 0, 1) + "}", 1 },
        { "zero before what would overflow", Shape("[0,4294967296,4294967296]", 0, 0), 0 },
        { "two empty tensors in one place", "{" + Entry("b", 0, 0) + "," + Entry("a", 0, 0) + "}", 0 },
        { "metadata empty and a pair of surrogates", "{\"__metadata__\":{\"\":\"\\ud83d\\ude00\"}}", 0 },
        { "escaped dtype and fields", "{\"a\":{\"\\u0064type\":\"\\u00558\",\"sh\\u0061pe\":[1],\"data_offsets\":[0,1]}}", 1 },
        { "unknown fields of all kinds",
            With("\"n\":1e999,\"m\":-0,\"o\":{\"k\":{\"k\":1}},\"l\":[{\"k\":1},{\"k\":2}],\"t\":\""
                + new string('x', 1_000_000) + "\",\"z\":null"), 1 },
        { "line breaks between all",
            "{\n\"a\"\n:\n{\n\"dtype\"\n:\n\"U8\"\n,\n\"shape\"\n:\n[\n1\n]\n,\n\"data_offsets\"\n:\n[\n0\n,\n1\n]\n}\n}", 1 },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public void An_invalid_header_is_rejected_with_a_message(string what, string header, int data, string? tensor, string[] says)
    {
        string path = RawFile.Write(_folder["x.safetensors"], header, data);
        CheckpointException error = RawFile.Refused(path);
        Assert.Equal(path, error.File);
        Assert.True(tensor == error.Tensor, what);
        string message = error.Message[path.Length..];
        Assert.All(says, s => Assert.Contains(s, message, StringComparison.Ordinal));
        Assert.DoesNotContain(message, char.IsControl);
        Assert.InRange(message.Length, 1, 1000);
    }

    [Theory]
    [MemberData(nameof(Good))]
    public void An_odd_but_valid_header_is_accepted(string what, string header, int data)
    {
        using ICheckpoint checkpoint = Checkpoint.Open(RawFile.Write(_folder["x.safetensors"], header, data));
        byte[] all = [.. checkpoint.Tensors.SelectMany(t => SmallModels.Bytes(checkpoint, t.Name))];
        Assert.True(all.AsSpan().SequenceEqual(RawFile.Pattern(data)), what);
    }

    [Theory]
    [InlineData(new byte[] { 0xFF }, 0)]
    [InlineData(new byte[] { (byte)'a', 0xC0, 0x80 }, 1)] // overlong NUL
    [InlineData(new byte[] { (byte)'a', (byte)'b', 0xED, 0xA0, 0x80 }, 2)] // a surrogate
    [InlineData(new byte[] { 0xC3, 0xA9, 0xF5, 0x80, 0x80, 0x80 }, 2)] // past U+10FFFF
    [InlineData(new byte[] { 0xE2, 0x82 }, 0)] // cut
    public void An_invalid_byte_is_reported_with_its_offset(byte[] text, int wrong)
    {
        byte[] before = "{\"__metadata__\":{\"k\":\""u8.ToArray();
        string path = RawFile.Write(_folder["x.safetensors"], [.. before, .. text, .. "\"}}"u8], []);
        Assert.Contains($"offset {8 + before.Length + wrong} ", RawFile.Refused(path).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_invalid_byte_in_an_unknown_field_is_rejected()
    {
        byte[] header = Encoding.Latin1.GetBytes(With("\"x\":\"\u00FF\""));
        Assert.Contains("UTF-8", RawFile.Refused(RawFile.Write(_folder["x.safetensors"], header, [1])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(10UL)] // the file's own size
    [InlineData(3UL)]
    [InlineData(99_999_999UL)]
    public void A_header_longer_than_the_file_is_rejected_before_reading(ulong announced)
    {
        string message = RawFile.Refused(RawFile.Write(_folder["x.safetensors"], "{}"u8, [], announced)).Message;
        Assert.Contains($"header of {announced} bytes, but only 2 bytes follow", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public void A_file_shorter_than_the_length_itself_is_rejected(int length)
    {
        File.WriteAllBytes(_folder["x.safetensors"], new byte[length]);
        Assert.Contains($"it has {length} byte", RawFile.Refused(_folder["x.safetensors"]).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_valid_file_truncated_anywhere_is_rejected()
    {
        byte[] good = File.ReadAllBytes(RawFile.Vectors(_folder["good.safetensors"], ("a", [1, 2, 3]), ("b", [4])));
        for (int length = 0; length < good.Length; length++)
        {
            File.WriteAllBytes(_folder["x.safetensors"], good[..length]);
            RawFile.Refused(_folder["x.safetensors"]);
        }
    }

    [Fact]
    public void A_file_with_changed_bytes_opens_or_is_rejected()
    {
        byte[] good =
            File.ReadAllBytes(RawFile.VectorsWith(_folder["good.safetensors"],
                "\"__metadata__\":{\"k\":\"\\u00e9\"},", ("a", [1, 2, 3]), ("b\\n", [4])));
        Gen<(int At, int Value)> change = from at in Gen.Choose(0, good.Length - 1)
                                          from value in Gen.OneOf(Gen.Choose(0, 255),
                                              Gen.Elements<int>('"', '\\', '{', '}', '[', ']', ',', ':', '-', '0', '9', 'e', '.'))
                                          select (at, value);
        Prop.ForAll(change.NonEmptyListOf().ToArbitrary(), changes =>
        {
            byte[] bytes = [.. good];
            foreach ((int at, int value) in changes.Take(4))
            {
                bytes[at] = (byte)value;
            }

            File.WriteAllBytes(_folder["x.safetensors"], bytes);
            try
            {
                using ICheckpoint checkpoint = Checkpoint.Open(_folder["x.safetensors"]);
                return checkpoint.Tensors.Sum(t => SmallModels.Bytes(checkpoint, t.Name).Length) <= good.Length;
            }
            catch (CheckpointException)
            {
                return true;
            }
        }).Check(Properties.Config.WithMaxTest(1000));
    }

    public void Dispose() => _folder.Dispose();

    private static string Entry(string name, int begin, int end) =>
        $"\"{name}\":{{\"dtype\":\"U8\",\"shape\":[{end - begin}],\"data_offsets\":[{begin},{end}]}}";

    private static string With(string fields) => $"{{\"a\":{{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],{fields}}}}}";

    private static string Shape(string shape, int begin, int end) =>
        $"{{\"a\":{{\"dtype\":\"U8\",\"shape\":{shape},\"data_offsets\":[{begin},{end}]}}}}";

    private static string Offsets(string offsets) => $"{{\"a\":{{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":{offsets}}}}}";
}
