using System.Text.Json;

namespace LayerSwap.Tests.Execution;

/// <summary>Verify detects damage and reports its location.</summary>
public sealed class VerifierTests : IDisposable
{
    private readonly TempFolder _temp = new();

    public void Dispose() => _temp.Dispose();

    [Fact]
    public async Task A_flipped_bit_is_reported_with_its_file_and_tensor()
    {
        MergePlan plan = Merge.Onto(SmallModels.Llama("m", 1)).InShardsOf(40_000).Plan();
        await plan.ExecuteAsync(_temp["out"]);
        Assert.True((await Checkpoint.VerifyAsync(_temp["out"])).Ok);
        PlannedTensor victim = plan.Tensors[40];
        using (FileStream file = new(_temp["out", victim.File], FileMode.Open))
        {
            file.Position = victim.Offset + 5;
            int value = file.ReadByte();
            file.Position--;
            file.WriteByte((byte)(value ^ 1));
        }

        VerifyReport report = await Checkpoint.VerifyAsync(_temp["out"]);
        VerifyProblem problem = Assert.Single(report.Problems);
        Assert.Equal(victim.Tensor.Name, problem.Tensor);
        Assert.EndsWith(victim.File, problem.File, StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(report.ToJson());
        Assert.False(json.RootElement.GetProperty("ok").GetBoolean());
        Assert.Equal(victim.Tensor.Name, json.RootElement.GetProperty("problems")[0].GetProperty("tensor").GetString());
    }

    [Fact]
    public async Task A_truncated_file_an_invalid_manifest_and_a_missing_manifest_have_different_errors()
    {
        await Merge.Onto(SmallModels.Llama("m", 1)).SaveAsync(_temp["out"]);
        File.WriteAllText(_temp["out", "layerswap.json"], "{}");
        Assert.Contains(
            "not a manifest", Assert.Single((await Checkpoint.VerifyAsync(_temp["out"])).Problems).Message, StringComparison.Ordinal);
        File.Delete(_temp["out", "layerswap.json"]);
        Assert.Contains(
            "layerswap.json is missing",
            Assert.Single((await Checkpoint.VerifyAsync(_temp["out"])).Problems).Message,
            StringComparison.Ordinal);
        File.Delete(_temp["out", "README.md"]);
        VerifyReport plain = await Checkpoint.VerifyAsync(_temp["out"]);
        Assert.True(plain.Ok);
        Assert.False(plain.HasRecord);
        using (FileStream file = new(_temp["out", "model.safetensors"], FileMode.Open))
        {
            file.SetLength(file.Length - 1);
        }

        Assert.Contains("missing", Assert.Single((await Checkpoint.VerifyAsync(_temp["out"])).Problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tensors_missing_from_the_manifest_or_from_the_file_are_named()
    {
        await Merge.Onto(SmallModels.Of("a", DType.Float32, ("w", [1], [1]), ("x", [1], [1]))).SaveAsync(_temp["a"]);
        await Merge.Onto(SmallModels.Of("b", DType.Float32, ("w", [1], [1]), ("y", [1], [1]))).SaveAsync(_temp["b"]);
        File.Copy(_temp["a", "layerswap.json"], _temp["b", "layerswap.json"], overwrite: true);
        string[] tensors =
            [.. (await Checkpoint.VerifyAsync(_temp["b"])).Problems.Select(p => p.Tensor).OfType<string>().Order(StringComparer.Ordinal)];
        Assert.Equal(["x", "y"], tensors);
    }
}
