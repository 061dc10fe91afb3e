using System.Buffers.Binary;
using System.Text.Json;

namespace LayerSwap.Tests.Conformance;

/// <summary>The shared cases and their verdicts: what the reference reader says, and where LayerSwap is stricter.</summary>
public sealed class ConformanceTests
{
    /// <summary>What each refusal must name: the tensor (or null), and what was found and expected.</summary>
    private static readonly Dictionary<string, (string? Tensor, string[] Says)> Refusals = new(StringComparer.Ordinal)
    {
        ["A04_len_ff"] = (null, ["18446742974197923900", "at most 100000000"]),
        ["A05_len_u64max"] = (null, ["18446744073709551615", "at most 100000000"]),
        ["A06_len_100000001"] = (null, ["100000001", "at most 100000000"]),
        ["A07_len_100000000_short"] = (null, ["100000000", "follow"]),
        ["A08_len_1000_abuse1"] = (null, ["1000", "follow"]),
        ["A10_non_utf8"] = (null, ["UTF-8", "offset 8"]),
        ["A11_not_json"] = (null, ["line 1", "column 2"]),
        ["A13_trailing_data"] = (null, ["need 16 bytes", "too many"]),
        ["A14_missing_2_bytes"] = (null, ["need 16 bytes", "only 14", "2 bytes are missing"]),
        ["A17_invalid_info"] = ("test", ["I32 [2, 2]", "16 bytes", "4 bytes"]),
        ["A18_ovf_shape"] = ("test", ["[2, 18446744073709551614]", "2^64", "16 bytes"]),
        ["A26_fp4_odd"] = ("a", ["F4 [1, 3]", "12 bits", "whole bytes"]),
        ["A29_trunc_header"] = (null, ["60 bytes", "follow"]),
        ["A30_bad_utf8_in_name"] = (null, ["UTF-8", "offset 11"]),
        ["B01_nul_padding"] = (null, ["line 1", "column"]),
        ["B04_nbsp"] = (null, ["line 1", "column 3"]),
        ["B06_trailing_json"] = (null, ["line 1", "column 61"]),
        ["C00_top_array"] = (null, ["line 1, column 1", "an object is expected"]),
        ["C02_top_num"] = (null, ["line 1, column 1", "an object is expected"]),
        ["C05_top_spaces"] = (null, ["line 1", "column"]),
        ["C06_top_nested"] = (null, ["line 1, column 1", "an object is expected"]),
        ["D01_meta_num"] = (null, ["__metadata__", "key a", "string"]),
        ["D03_meta_nested"] = (null, ["__metadata__", "key a", "string"]),
        ["D06_meta_string"] = (null, ["__metadata__", "object"]),
        ["D09_meta_twice"] = (null, ["__metadata__", "twice"]),
        ["D11_meta_bool"] = (null, ["__metadata__", "key a", "string"]),
        ["E02_missing_shape"] = ("a", ["shape", "missing"]),
        ["E03_missing_offsets"] = ("a", ["data_offsets", "missing"]),
        ["E05_dup_field"] = ("a", ["dtype", "twice"]),
        ["E07_lower_dtype"] = ("a", ["dtype", "\"u8\"", "BF16"]),
        ["E08_dtype_num"] = ("a", ["dtype", "is 1", "BF16"]),
        ["E09_dtype_null"] = ("a", ["dtype", "null", "BF16"]),
        ["E11_as_array"] = ("a", ["a list", "an object"]),
        ["E12_null"] = ("a", ["null", "an object"]),
        ["E14_shape_float"] = ("a", ["shape", "1.0", "unsigned whole"]),
        ["E15_shape_exp"] = ("a", ["shape", "1e0", "unsigned whole"]),
        ["E16_shape_str"] = ("a", ["shape", "\"1\"", "unsigned whole"]),
        ["E18_shape_2p64"] = ("a", ["shape", "18446744073709551616", "unsigned whole"]),
        ["E19_off_neg"] = ("a", ["data_offsets", "-1", "unsigned whole"]),
        ["E22_off_rev"] = ("a", ["data_offsets", "[1, 0]"]),
        ["E23_off_float"] = ("a", ["data_offsets", "0.0", "unsigned whole"]),
        ["E25_off_u64max"] = ("a", ["U8 [1]", "1 bytes", "18446744073709551615"]),
        ["E26_off_hole_start"] = ("a", ["begins at data offset 1", "starts at 0"]),
        ["E27_leading_zero"] = (null, ["line 1", "column"]),
        ["E28_neg_zero"] = ("a", ["data_offsets", "-0", "unsigned whole"]),
        ["E29_shape_bool"] = ("a", ["shape", "true", "unsigned whole"]),
        ["E30_trailing_comma"] = (null, ["line 1", "column"]),
        ["E31_comment"] = (null, ["line 1, column 1"]),
        ["E32_nan"] = (null, ["line 1", "column"]),
        ["F04_dup_name_escaped"] = ("a", ["twice", "unique"]),
        ["F05_hole"] = ("b", ["tensor a ends at 1", "hole of 1 byte"]),
        ["F06_overlap_part"] = ("b", ["tensor a ends at 2", "overlap by 1 byte"]),
        ["F07_same_region"] = ("b", ["tensor a ends at 2", "overlap by 2 bytes"]),
        ["F11_zero_past_end"] = ("z", ["tensor a ends at 1", "hole of 8 bytes"]),
        ["F12_zero_inside_other"] = ("z", ["tensor a ends at 4", "overlap by 2 bytes"]),
        ["F20_name_ctrl_raw"] = (null, ["line 1", "column"]),
        ["F24_sum_wraps"] = (null, ["18446744073709551608", "missing"]),
        ["F25_single_max"] = (null, ["2305843009213693951", "missing"]),
        ["F26_single_over"] = ("a", ["U8 [2305843009213693952]", "2^64", "2305843009213693952 bytes"]),
        ["F27_deep_nesting"] = ("a", ["a list", "an object"]),
        ["F28_deep_in_extra"] = (null, ["line 1", "depth"]),
        ["F29_many_dims"] = ("a", ["shape", "64", "LayerSwap's own"]),
        ["G_F4_misaligned1"] = ("a", ["F4 []", "4 bits", "whole bytes"]),
        ["G_unknown_C128"] = ("a", ["dtype", "C128", "BF16"]),
        ["G_unknown_F128"] = ("a", ["dtype", "F128", "BF16"]),
        ["G_unknown_F8_E5M2FN"] = ("a", ["dtype", "F8_E5M2FN", "BF16"]),
        ["G_unknown_F4_E2M1"] = ("a", ["dtype", "F4_E2M1", "BF16"]),
        ["G_unknown_bfloat16"] = ("a", ["dtype", "bfloat16", "BF16"]),
    };

    public static TheoryData<string> Accepted() => [.. Cases("ACCEPT")];

    public static TheoryData<string> Rejected() => [.. Cases("REJECT")];

    [Theory]
    [MemberData(nameof(Accepted))]
    public void A_good_file_opens_and_every_byte_of_it_can_be_read(string name)
    {
        string path = PathOf(name);
        byte[] file = File.ReadAllBytes(path);
        int header = (int)BinaryPrimitives.ReadUInt64LittleEndian(file);
        using JsonDocument json = JsonDocument.Parse(file.AsMemory(8, header));
        using ICheckpoint checkpoint = Checkpoint.Open(path);
        int tensors = 0;
        foreach (JsonProperty entry in json.RootElement.EnumerateObject().Where(e => e.Name != "__metadata__"))
        {
            tensors++;
            int[] offsets = [.. entry.Value.GetProperty("data_offsets").EnumerateArray().Select(o => o.GetInt32())];
            TensorInfo tensor = Assert.IsType<TensorInfo>(checkpoint.Find(entry.Name));
            Assert.Equal(entry.Value.GetProperty("dtype").GetString(), tensor.DType.Code());
            Assert.Equal(entry.Value.GetProperty("shape").EnumerateArray().Select(x => x.GetInt64()), tensor.Shape.Extents);
            Assert.Equal(file[(8 + header + offsets[0])..(8 + header + offsets[1])], SmallModels.Bytes(checkpoint, entry.Name));
        }

        Assert.Equal(tensors, checkpoint.Tensors.Count);
    }

    [Theory]
    [MemberData(nameof(Rejected))]
    public void An_invalid_file_is_rejected_with_file_tensor_and_expected_value(string name)
    {
        (string? tensor, string[] says) = Refusals[name];
        string path = PathOf(name);
        CheckpointException error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(path).Dispose());
        Assert.Equal(path, error.File);
        Assert.Equal(tensor, error.Tensor);
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        string message = error.Message[path.Length..];
        Assert.All(says, s => Assert.Contains(s, message, StringComparison.Ordinal));
        Assert.True(tensor is null || message.Contains("tensor " + tensor, StringComparison.Ordinal)
            || message.Contains("name " + tensor, StringComparison.Ordinal), message);
        Assert.DoesNotContain(message, char.IsControl);
    }

    [Fact]
    public void Every_case_has_a_verdict_and_every_verdict_a_case()
    {
        string[] files = [.. Directory.EnumerateFiles(Fixture.Path("conformance", "cases"))
            .Select(f => Path.GetFileNameWithoutExtension(f)!)];
        Assert.Equal(files.Order(StringComparer.Ordinal), Cases("ACCEPT").Concat(Cases("REJECT")).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("A04_len_ff")]
    [InlineData("A29_trunc_header")]
    public void A_damaged_length_is_not_reported_as_a_web_page(string name) =>
        Assert.DoesNotContain("web page",
            Assert.Throws<CheckpointException>(() => Checkpoint.Open(PathOf(name)).Dispose()).Message, StringComparison.Ordinal);

    private static IEnumerable<string> Cases(string verdict) => File.ReadLines(Fixture.Path("conformance", "verdicts.tsv")).Skip(1)
        .Select(l => l.Split('\t')).Where(c => c[1] == verdict).Select(c => c[0]);

    private static string PathOf(string name) => Fixture.Path("conformance", "cases", name + ".safetensors");
}
