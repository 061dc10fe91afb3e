using System.Diagnostics;

namespace LayerSwap.Tests.Samples;

/// <summary>The file-based apps of samples/ run as they stand.</summary>
public sealed class SamplesTests
{
    [Fact]
    public async Task Swap_merges_two_experts()
    {
        using TempFolder temp = new();
        string output = await RunAsync("swap.cs", Fixture.Demo("math"), Fixture.Demo("sahili"), temp["out"]);
        Assert.Contains("layer_swap", output, StringComparison.Ordinal);
        Assert.True((await Checkpoint.VerifyAsync(temp["out"])).Ok);
    }

    private static async Task<string> RunAsync(string sample, params string[] arguments)
    {
        ProcessStartInfo start = new("dotnet", ["run", Path.Combine(Fixture.Root, "samples", sample), "--", .. arguments]) { RedirectStandardOutput = true, UseShellExecute = false };
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
