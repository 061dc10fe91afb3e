using System.Diagnostics;

namespace LayerSwap.Tests.Samples;

/// <summary>The file-based apps of samples/ run as they stand; one after another, since each builds the library.</summary>
[Collection("File-based apps")]
public sealed class SamplesTests
{
    [Fact]
    public async Task Swap_merges_two_experts()
    {
        using TempFolder temp = new();
        string output = await RunAsync("swap.cs", Fixture.Set1("math"), Fixture.Set1("sahili"), temp["out"]);
        Assert.True(output.Contains("layer_swap", StringComparison.Ordinal), output);
        Assert.True((await Checkpoint.VerifyAsync(temp["out"])).Ok);
    }

    [Fact]
    public async Task Diff_makes_a_page_with_a_plan()
    {
        using TempFolder temp = new();
        string output = await RunAsync("diff.cs", Fixture.Set1("base"), Fixture.Set1("math"), Fixture.Set1("sahili"), temp["diff.html"]);
        Assert.True(output.Contains("Layers.At(5, 6, 7)", StringComparison.Ordinal), output);
        Assert.Contains("Where each layer comes from", File.ReadAllText(temp["diff.html"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sweep_ranks_every_swap_by_its_score()
    {
        using TempFolder temp = new();
        File.WriteAllLines(temp["few.jsonl"], File.ReadLines(Fixture.Path("miniature-2", "validation.jsonl")).Take(40));
        string output = await RunAsync("sweep.cs", Fixture.Set2("math"), Fixture.Set2("sahili"), temp["few.jsonl"]);
        Assert.True(output.Contains("swap 4,1,0", StringComparison.Ordinal), output);
        Assert.Matches(@"best 0\.[0-9]+ \((swap|soup)", output);
    }

    private static Task<string> RunAsync(string sample, params string[] arguments) =>
        RunFileAsync(Path.Combine(Fixture.Root, "samples", sample), Path.GetTempPath(), arguments);

    /// <summary>Runs a file-based app and gives what it printed.</summary>
    internal static async Task<string> RunFileAsync(string file, string folder, params string[] arguments)
    {
        ProcessStartInfo start = new("dotnet", ["run", file, "--", .. arguments])
        { RedirectStandardOutput = true, UseShellExecute = false, WorkingDirectory = folder };
        foreach (string name in start.Environment.Keys.Where(k => k.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToArray())
        {
            start.Environment.Remove(name);
        }

        using Process run = Process.Start(start)!;
        string output = await run.StandardOutput.ReadToEndAsync();
        await run.WaitForExitAsync();
        Assert.True(run.ExitCode == 0, output);
        return output;
    }
}
