using System.Text.Json;
using LayerSwap.Checkpoints.Sharding;

namespace LayerSwap.Tests.Checkpoints;

public sealed class ShardedCheckpointTests : IDisposable
{
    private const string Index = "model.safetensors.index.json";
    private const string One = "model-00001-of-00002.safetensors";
    private const string Two = "model-00002-of-00002.safetensors";

    private readonly TempFolder _folder = new();

    [Fact]
    public void Tensors_of_all_shards_are_found_through_the_index_in_natural_order()
    {
        RawFile.Vectors(_folder[One], ("layers.10.w", [1]), ("layers.2.w", [2, 3]));
        RawFile.Vectors(_folder[Two], ("layers.1.w", [4]), ("embed", [5]));
        WriteIndex(5, ("layers.10.w", One), ("layers.2.w", One), ("layers.1.w", Two), ("embed", Two));
        using ICheckpoint checkpoint = Checkpoint.Open(_folder.Path);
        Assert.Equal(["embed", "layers.1.w", "layers.2.w", "layers.10.w"], checkpoint.Tensors.Select(t => t.Name), StringComparer.Ordinal);
        Assert.Equal([2, 3], SmallModels.Bytes(checkpoint, "layers.2.w"));
        Assert.Equal([5], SmallModels.Bytes(checkpoint, "embed"));
        Assert.Equal(_folder[Two], checkpoint.FileOf("embed"));
        Assert.Equal([_folder[One], _folder[Two]], checkpoint.Files.Select(f => f.Path), StringComparer.Ordinal);
        Assert.Equal(_folder.Path, checkpoint.Folder);
        Assert.Empty(((ShardedCheckpoint)checkpoint).Warnings);
    }

    [Fact]
    public void The_weight_map_decides_not_the_file_names()
    {
        RawFile.Vectors(_folder["weights"], ("a", [1]));
        RawFile.Vectors(_folder["b.bin"], ("b", [2]));
        RawFile.Vectors(_folder[One], ("stranger", [3]));
        WriteIndex(2, ("a", "weights"), ("b", "b.bin"));
        using ICheckpoint checkpoint = Checkpoint.Open(_folder.Path);
        Assert.Equal(["a", "b"], checkpoint.Tensors.Select(t => t.Name), StringComparer.Ordinal);
    }

    [Fact]
    public void A_shard_may_be_a_link_to_a_file_elsewhere()
    {
        using TempFolder blobs = new();
        RawFile.Vectors(blobs["4d7a"], ("a", [7]));
        File.CreateSymbolicLink(_folder["s.safetensors"], blobs["4d7a"]);
        WriteIndex(1, ("a", "s.safetensors"));
        using ICheckpoint checkpoint = Checkpoint.Open(_folder.Path);
        Assert.Equal([7], SmallModels.Bytes(checkpoint, "a"));
    }

    [Fact]
    public void A_missing_shard_is_named()
    {
        RawFile.Vectors(_folder[One], ("a", [1]));
        WriteIndex(2, ("a", One), ("b", Two));
        CheckpointException error = RawFile.Refused(_folder.Path);
        Assert.Equal(_folder[Two], error.File);
        Assert.Contains("missing", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bad_shard_is_named()
    {
        RawFile.Vectors(_folder[One], ("a", [1]));
        File.WriteAllText(_folder[Two], "version https://git-lfs.github.com/spec/v1\n");
        WriteIndex(2, ("a", One), ("b", Two));
        CheckpointException error = RawFile.Refused(_folder.Path);
        Assert.Equal(_folder[Two], error.File);
        Assert.Contains("git lfs pull", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_mapped_tensor_missing_from_its_shard_is_named()
    {
        RawFile.Vectors(_folder[One], ("a", [1]));
        WriteIndex(2, ("a", One), ("ghost", One));
        Says(RawFile.Refused(_folder.Path), "ghost", One, Index);
    }

    [Fact]
    public void A_tensor_missing_from_the_map_is_named()
    {
        RawFile.Vectors(_folder[One], ("a", [1]), ("stowaway", [2]));
        WriteIndex(2, ("a", One));
        Says(RawFile.Refused(_folder.Path), "stowaway", One, Index);
    }

    [Fact]
    public void A_tensor_in_the_wrong_shard_is_named_with_both_shards()
    {
        RawFile.Vectors(_folder[One], ("a", [1]), ("b", [1]));
        RawFile.Vectors(_folder[Two], ("c", [2]));
        WriteIndex(3, ("a", One), ("b", Two), ("c", Two));
        Says(RawFile.Refused(_folder.Path), "b", One, Two);
    }

    [Theory]
    [InlineData(One)]
    [InlineData(Two)]
    public void A_tensor_in_two_shards_is_rejected(string home)
    {
        RawFile.Vectors(_folder[One], ("a", [1]), ("twin", [1]));
        RawFile.Vectors(_folder[Two], ("b", [2]), ("twin", [1]));
        WriteIndex(4, ("a", One), ("b", Two), ("twin", home));
        Says(RawFile.Refused(_folder.Path), "twin", One, Two);
    }

    [Theory]
    [InlineData("../x.safetensors")]
    [InlineData("sub/x.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("..\\\\x.safetensors")]
    [InlineData("sub\\\\x.safetensors")]
    [InlineData("C:x.safetensors")]
    [InlineData("x.safetensors:stream")]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("x\\u0000.safetensors")]
    [InlineData("x\\n.safetensors")]
    [InlineData("x\\u007f.safetensors")]
    [InlineData("x\\u0085.safetensors")]
    public void A_file_name_with_a_path_is_rejected_before_any_file_is_opened(string name)
    {
        Directory.CreateDirectory(_folder["m", "sub"]);
        RawFile.Vectors(_folder["x.safetensors"], ("w", [1]));
        RawFile.Vectors(_folder["m", "sub", "x.safetensors"], ("w", [1]));
        File.WriteAllText(_folder["m", Index], $"{{\"weight_map\":{{\"w\":\"{name}\"}}}}");
        CheckpointException error = RawFile.Refused(_folder["m"]);
        Assert.Equal(_folder["m", Index], error.File);
        Assert.Equal("w", error.Tensor);
        Assert.Contains("plain file name", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(error.Message, char.IsControl);
    }

    [Fact]
    public void A_file_next_to_an_index_is_rejected()
    {
        RawFile.Vectors(_folder["model.safetensors"], ("a", [1]));
        RawFile.Vectors(_folder[One], ("a", [1]));
        WriteIndex(1, ("a", One));
        string message = RawFile.Refused(_folder.Path).Message;
        Assert.Contains("model.safetensors and " + Index, message, StringComparison.Ordinal);
        Assert.Contains("Remedy", message, StringComparison.Ordinal);
        using ICheckpoint chosen = Checkpoint.Open(_folder["model.safetensors"]);
        Assert.Single(chosen.Tensors);
    }

    [Theory]
    [InlineData("3", false)]
    [InlineData("1000", true)]
    [InlineData("0", true)]
    [InlineData("-5", true)]
    [InlineData("9223372036854775807", true)]
    [InlineData("\"3\"", false)]
    [InlineData("{\"total_size\":9}", false)]
    [InlineData("null", false)]
    [InlineData("3e0", false)]
    public void A_wrong_total_size_is_a_warning(string total, bool warned)
    {
        RawFile.Vectors(_folder[One], ("a", [1, 2, 3]));
        File.WriteAllText(_folder[Index], $"{{\"metadata\":{{\"other\":[1],\"total_size\":{total}}},\"weight_map\":{{\"a\":\"{One}\"}}}}");
        using ICheckpoint checkpoint = Checkpoint.Open(_folder.Path);
        Assert.Equal([1, 2, 3], SmallModels.Bytes(checkpoint, "a"));
        IReadOnlyList<string> warnings = ((ShardedCheckpoint)checkpoint).Warnings;
        Assert.Equal(warned ? 1 : 0, warnings.Count);
        Assert.All(warnings, w => Assert.Contains("total_size " + total, w, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("{", "JSON")]
    [InlineData("[]", "object")]
    [InlineData("1", "object")]
    [InlineData("   ", "JSON")]
    [InlineData("\uFEFF{\"weight_map\":{}}", "JSON")]
    [InlineData("<html></html>", "JSON")]
    [InlineData("{}", "weight_map")]
    [InlineData("{\"metadata\":{\"total_size\":1}}", "weight_map")]
    [InlineData("{\"weight_map\":[]}", "weight_map")]
    [InlineData("{\"weight_map\":null}", "weight_map")]
    [InlineData("{\"weight_map\":\"x\"}", "weight_map")]
    [InlineData("{\"weight_map\":{},\"weight_map\":{}}", "twice")]
    [InlineData("{\"weight_map\":{},\"weight\\u005fmap\":{}}", "twice")]
    [InlineData("{\"weight_map\":{\"a\":\"x\",\"\\u0061\":\"y\"}}", "twice")]
    [InlineData("{\"weight_map\":{\"a\":1}}", "plain file name")]
    [InlineData("{\"weight_map\":{\"a\":null}}", "plain file name")]
    [InlineData("{\"weight_map\":{\"a\":{\"b\":\"c\"}}}", "plain file name")]
    [InlineData("{\"weight_map\":{\"\\ud800\":\"x\"}}", "JSON")]
    [InlineData("{\"weight_map\":{\"a\":\"\\udc00\"}}", "JSON")]
    [InlineData("{\"weight_map\":{}} x", "JSON")]
    [InlineData("{\"weight_map\":{},}", "JSON")]
    [InlineData("{\"weight_map\":{}", "JSON")]
    [InlineData("{\"metadata\":{\"total_size\"", "JSON")]
    public void A_bad_index_is_rejected_by_name(string json, string says)
    {
        File.WriteAllText(_folder[Index], json);
        CheckpointException error = RawFile.Refused(_folder.Path);
        Assert.Equal(_folder[Index], error.File);
        Assert.Contains(Index, error.Message, StringComparison.Ordinal);
        Assert.Contains(says, error.Message[error.File.Length..], StringComparison.Ordinal);
    }

    [Fact]
    public void An_index_that_is_empty_too_deep_or_not_UTF8_is_rejected()
    {
        File.WriteAllBytes(_folder[Index], [.. "{\"weight_map\":{\"a"u8, 0xFF, .. "\":\"x\"}}"u8]);
        Assert.Equal(_folder[Index], RawFile.Refused(_folder.Path).File);
        File.WriteAllText(_folder[Index], "{\"x\":" + new string('[', 100_000));
        Assert.Equal(_folder[Index], RawFile.Refused(_folder.Path).File);
        File.WriteAllBytes(_folder[Index], []);
        Assert.Equal(_folder[Index], RawFile.Refused(_folder.Path).File);
    }

    [Fact]
    public void Metadata_is_kept_if_shards_do_not_conflict()
    {
        RawFile.VectorsWith(_folder[One], "\"__metadata__\":{\"format\":\"pt\",\"part\":\"1\"},", ("a", [1]));
        RawFile.VectorsWith(_folder[Two], "\"__metadata__\":{\"format\":\"pt\",\"part\":\"2\",\"only\":\"here\"},", ("b", [1]));
        WriteIndex(2, ("a", One), ("b", Two));
        using ICheckpoint checkpoint = Checkpoint.Open(_folder.Path);
        Assert.Equal(["format=pt", "only=here"],
            checkpoint.Metadata.Select(m => m.Key + "=" + m.Value).Order(StringComparer.Ordinal), StringComparer.Ordinal);
    }

    [Fact]
    public void A_written_index_is_sorted_indented_and_read_back()
    {
        Dictionary<string, string> map = new(StringComparer.Ordinal) { ["b"] = Two, ["a\"é😀"] = One, ["B"] = One };
        File.WriteAllBytes(_folder[Index], ShardIndexWriter.Write(map, 6_000_000_000));
        string text = File.ReadAllText(_folder[Index]);
        Assert.StartsWith("{\n  \"metadata\": {\n    \"total_size\": 6000000000\n  },\n  \"weight_map\": {\n    \"B\": \"",
            text, StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(text);
        Assert.Equal(["B", "a\"é😀", "b"],
            json.RootElement.GetProperty("weight_map").EnumerateObject().Select(p => p.Name), StringComparer.Ordinal);
        ShardIndex read = ShardIndex.Read(_folder[Index]);
        Assert.Equal(map.OrderBy(m => m.Key, StringComparer.Ordinal), read.WeightMap.OrderBy(m => m.Key, StringComparer.Ordinal));
        Assert.Equal(6_000_000_000, read.TotalSize);
    }

    public void Dispose() => _folder.Dispose();

    private static void Says(CheckpointException error, string tensor, params string[] texts)
    {
        Assert.Equal(tensor, error.Tensor);
        Assert.All([tensor, .. texts], t => Assert.Contains(t, error.Message, StringComparison.Ordinal));
    }

    private void WriteIndex(long total, params (string Tensor, string File)[] map) => File.WriteAllText(
        _folder[Index],
        $"{{\"metadata\":{{\"total_size\":{total}}},"
        + $"\"weight_map\":{{{string.Join(',', map.Select(m => $"\"{m.Tensor}\":\"{m.File}\""))}}}}}");
}
