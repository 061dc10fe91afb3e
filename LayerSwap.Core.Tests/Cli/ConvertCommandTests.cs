using LayerSwap.Tests.Checkpoints;

namespace LayerSwap.Tests.Cli;

public sealed class ConvertCommandTests : IDisposable
{
    private readonly TempFolder _temp = new();

    public void Dispose() => _temp.Dispose();

    [Theory]
    [InlineData("files/views.t2.pth")]
    [InlineData("files/dtypes.t1.pt")]
    [InlineData("files/sharded.t2")]
    public void PyTorch_files_become_safetensors(string file)
    {
        Tool.Succeed("convert", Fixture.Path("pytorch", file), _temp["out"]);

        using ICheckpoint expected = Checkpoint.Open(Fixture.Path("pytorch", file.Replace("files", "expected") + ".safetensors"));
        using ICheckpoint found = Checkpoint.Open(_temp["out"]);
        FormatCases.AssertEqual(expected, found);
        Tool.Succeed("verify", _temp["out"]);
    }

    [Fact]
    public void A_dictionary_is_chosen_by_key()
    {
        string file = _temp["two.pt"];
        File.Copy(Fixture.Path("pytorch", "files/wrap_ema_two.t2.pt"), file);

        Assert.Contains("--key", Tool.Fail(3, "convert", file, _temp["refused"]), StringComparison.Ordinal);
        Tool.Succeed("convert", file, _temp["out"], "--key", "state_dict_ema");

        using ICheckpoint expected = Checkpoint.Open(Fixture.Path("pytorch", "expected/wrap_ema_two.t2.pt.key.safetensors"));
        using ICheckpoint found = Checkpoint.Open(_temp["out"]);
        FormatCases.AssertEqual(expected, found);
    }

    [Theory]
    [InlineData("mlp")]
    [InlineData("transformer")]
    [InlineData("bf16_module")]
    public void TorchSharp_files_are_written_as_TorchSharp_writes_them(string name)
    {
        Tool.Succeed("convert", Fixture.Path("torchsharp", "expected", name + ".safetensors"), _temp["out"], "--format", "torchsharp");

        byte[] expected = File.ReadAllBytes(Fixture.Path("torchsharp", "roundtrip", name + ".dat"));
        Assert.Equal(expected, File.ReadAllBytes(_temp["out", "model.dat"]));
        Assert.Contains("ok", Tool.Succeed("verify", _temp["out"]).Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Dtypes_that_TorchSharp_lacks_are_refused_by_name()
    {
        File.Copy(Fixture.Path("pytorch", "expected/dtypes.t2.pt.safetensors"), _temp["in.safetensors"]);

        string error = Tool.Fail(3, "convert", _temp["in.safetensors"], _temp["out"], "--format", "torchsharp");

        Assert.Contains("F8_E4M3", error, StringComparison.Ordinal);
        Assert.Contains("Remedy", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_changes_its_dtype_and_its_shards()
    {
        Tool.Succeed("convert", Fixture.Set1("math"), _temp["out"], "--dtype", "f32", "--shard-size", "500KB");

        using ICheckpoint math = Checkpoint.Open(Fixture.Set1("math")), found = Checkpoint.Open(_temp["out"]);
        Assert.True(found.Files.Count > 3);
        Assert.All(found.Tensors, t =>
        {
            Assert.Equal(DType.Float32, t.DType);
            Assert.Equal(SmallModels.Values(math, t.Name), SmallModels.Values(found, t.Name));
        });
    }
}
