using LayerSwap.Tests.Faults;

namespace LayerSwap.Tests.Cli;

/// <summary>A merge that takes seconds is stopped as soon as it has begun to write.</summary>
public sealed class SignalTests : IClassFixture<SignalTests.Inputs>
{
    private readonly Inputs _inputs;

    public SignalTests(Inputs inputs) => _inputs = inputs;

    [LinuxTheory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    public void A_signal_stops_a_merge_and_the_remaining_files_are_reported(string signal, int exit)
    {
        using TempFolder folder = new();

        ToolRun run = Stopped(signal, folder["new", "out"], folder["new", ".out.layerswap-partial"]);

        Assert.True(run.Exit == exit, run.ToString());
        Assert.Equal("", run.Out);
        if (Directory.Exists(folder["new", ".out.layerswap-partial"]))
        {
            // At least one tensor was finished. It is kept, and the message says so.
            Assert.StartsWith("layerswap: stopped; what is done is kept in ", run.Error, StringComparison.Ordinal);
            Assert.Contains("--resume", run.Error, StringComparison.Ordinal);
            Tool.Succeed("clean", folder["new", "out"]);
            Assert.Empty(Folders.Names(folder["new"]));
        }
        else
        {
            Assert.Equal("layerswap: stopped; nothing was left behind.\n", run.Error);
            Assert.Empty(Folders.Names(folder.Path));
        }
    }

    [LinuxFact]
    public void A_signal_leaves_the_output_to_be_overwritten_unchanged()
    {
        using TempFolder folder = new();
        Directory.CreateDirectory(folder["out"]);
        File.WriteAllText(folder["out", "config.json"], """{"model_type": "llama"}""");
        string[] before = Folders.Snapshot(folder.Path);

        ToolRun run = Stopped("TERM", folder["out"], folder[".out.layerswap-partial"], "--overwrite");

        Assert.True(run.Exit == 143, run.ToString());
        if (Directory.Exists(folder[".out.layerswap-partial"]))
        {
            Tool.Succeed("clean", folder["out"]);
        }

        Assert.Equal(before, Folders.Snapshot(folder.Path));
    }

    private ToolRun Stopped(string signal, string output, string staging, params string[] more)
    {
        using ToolProcess process = Tool.StartForSignals(_inputs.Work.Arguments(output, more));
        Assert.True(
            SpinWait.SpinUntil(() => Directory.Exists(staging) || process.HasExited, TimeSpan.FromSeconds(30)),
            "No staging folder after 30 seconds.");
        process.Signal(signal);
        return process.WaitForEnd();
    }

    /// <summary>A merge that takes seconds, so that the signal arrives before it ends. Shared by all tests of this class.</summary>
    public sealed class Inputs : IDisposable
    {
        internal LongWork Work { get; } = new(16.MB(), 400);

        public void Dispose() => Work.Dispose();
    }
}
