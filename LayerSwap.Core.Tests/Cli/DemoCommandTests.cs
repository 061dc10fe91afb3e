using System.Text.Json;

namespace LayerSwap.Tests.Cli;

public sealed class DemoCommandTests
{
    [Fact]
    public void The_demo_runs_twice_in_an_empty_folder_and_prints_its_output_paths()
    {
        using TempFolder folder = new();

        foreach (int _ in (int[])[1, 2])
        {
            ToolRun run = Tool.Run(["demo"], folder.Path);
            Assert.True(run.Exit == 0, run.ToString());
            Assert.Equal("", run.Error);
            Assert.Contains($"The merged model: {folder["layerswap-demo", "math-sahili"]}\n", run.Out, StringComparison.Ordinal);
            Assert.Contains($"The report:       {folder["layerswap-demo", "report"]} ", run.Out, StringComparison.Ordinal);
            Assert.Contains($"The models:       {folder["layerswap-demo", "models"]}\n", run.Out, StringComparison.Ordinal);
            Assert.Contains("math-sahili: ok, 1 file(s), 93 tensors", run.Out, StringComparison.Ordinal);
        }

        Assert.Equal(["layerswap-demo"], Folders.Names(folder.Path));
        Assert.Equal(["math-sahili", "models", "report"], Folders.Names(folder["layerswap-demo"]));
        Assert.Equal(["diff.csv", "diff.html", "diff.json", "diff.md"], Folders.Names(folder["layerswap-demo", "report"]));
        JsonElement report = ToolRun.Parse(File.ReadAllText(folder["layerswap-demo", "report", "diff.json"]));
        Assert.Equal(2 * 13, report.Items("entries").Length);
        Assert.True(Tool.Succeed("verify", folder["layerswap-demo", "math-sahili"], "--json").Json.GetProperty("ok").GetBoolean());
    }

    [Fact]
    public void The_demo_writes_to_the_given_folder()
    {
        using TempFolder folder = new();

        Tool.Succeed("demo", folder["here"], "--no-progress");

        Assert.Equal(["here"], Folders.Names(folder.Path));
    }
}
