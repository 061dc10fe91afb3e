using LayerSwap.Checkpoints.TorchSharp;

namespace LayerSwap.Tests.Checkpoints.TorchSharp;

/// <summary>Files made by TorchSharp 0.107, and hostile ones, with their contents and a verdict for each.</summary>
public sealed class TorchSharpCasesTests
{
    public static TheoryData<string> Cases =>
        [.. FormatCases.Read("torchsharp").Where(c => c["operation"] == "read").Select(c => c["case"])];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Cases_give_TorchSharps_values_or_are_refused(string name)
    {
        IReadOnlyDictionary<string, string> row = FormatCases.Read("torchsharp").Single(c => c["case"] == name);
        string path = Fixture.Path("torchsharp", row["input"]);
        // A boolean of 7 may be refused, or kept.
        if (row["verdict"] == "REJECT" && name != "bool_7")
        {
            CheckpointException e = Assert.Throws<CheckpointException>(() => Checkpoint.Open(path));
            Assert.Contains("Remedy", e.Message, StringComparison.Ordinal);
            return;
        }

        using ICheckpoint found = Checkpoint.Open(path);
        if (row["expected"].Length > 0)
        {
            using ICheckpoint expected = Checkpoint.Open(Fixture.Path("torchsharp", row["expected"]));
            FormatCases.AssertEqual(expected, found);
        }
    }

    [Theory]
    [InlineData("dtypes")]
    [InlineData("names")]
    [InlineData("scalars_empty")]
    [InlineData("mlp")]
    public void Headers_are_written_as_TorchSharp_writes_them(string name)
    {
        using ICheckpoint file = Checkpoint.Open(Fixture.Path("torchsharp", "files", name + ".dat"));
        byte[] bytes = File.ReadAllBytes(Fixture.Path("torchsharp", "files", name + ".dat"));
        TensorInfo[] order = [.. file.Tensors.OrderBy(t => bytes.AsSpan().IndexOf([.. TorchSharpHeaderWriter.Write([t])[0][1..]]))];

        IEnumerable<byte[]> headers = TorchSharpHeaderWriter.Write(order);
        byte[] written = [.. headers.Zip(order, (h, t) => h.Concat(SmallModels.Bytes(file, t.Name))).SelectMany(b => b)];

        Assert.Equal(bytes, written);
    }
}
