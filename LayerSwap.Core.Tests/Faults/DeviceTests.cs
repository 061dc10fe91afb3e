using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>System calls fail: strace injects the errors.</summary>
public sealed class DeviceTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Output => _folder["out"];

    public void Dispose() => _folder.Dispose();

    [NeedsFact(Needs.Strace)]
    public void Any_failing_sync_ends_the_run_without_reporting_success()
    {
        int failed = 0;
        for (int n = 1; ; n++)
        {
            string[] before = OldOutput();
            ToolRun run = Swap("trace=fsync", $"inject=fsync:error=EIO:when={n}");
            if (run.Exit == 0)
            {
                // The journal and its folder; weights, config, vocabulary, card, manifest and their folder; the journal again, and the
                // parent of the output.
                Assert.Equal(10, failed);
                Assert.DoesNotContain("NOTICE", Folders.Names(Output), StringComparer.Ordinal);
                return;
            }

            failed++;
            Assert.True(run.Exit == 4, run.ToString());
            Assert.Equal("", run.Out);
            bool old = File.Exists(_folder["out", "NOTICE"]);
            Assert.Contains(
                old ? "What was there before is unchanged." : "is the complete new model, but", run.Error, StringComparison.Ordinal);
            RequireOld(old ? before : null);
        }
    }

    [NeedsTheory(Needs.Strace)]
    [InlineData("fsync", "fsync:error=EIO")]
    [InlineData("pwrite64", "pwrite64:error=EIO:when=1")]
    [InlineData("pwrite64", "pwrite64:error=ENOSPC:when=9+")]
    [InlineData("pwrite64", "pwrite64:error=EDQUOT:when=30+")]
    [InlineData("renameat2", "renameat2:error=EIO")]
    [InlineData("renameat2", "renameat2:error=EACCES")]
    public void A_failing_system_call_ends_the_run_and_leaves_the_old_output_unchanged(string call, string injection)
    {
        string[] before = OldOutput();

        ToolRun run = Swap("trace=" + call, "inject=" + injection);

        Assert.True(run.Exit == 4, run.ToString());
        Assert.Equal("", run.Out);
        Assert.StartsWith($"layerswap: {Output} could not be written: ", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
        RequireOld(before);
        Tool.Succeed(
            "swap", "--task", Fixture.Set1("math"), "--language", Fixture.Set1("sahili"), "--bottom", "1", "--top", "1", "--threads", "1",
            "--quiet", "--overwrite", "--resume", "-o", Output);
        Tool.Succeed("verify", Output);
        Assert.Equal(["out"], Folders.Names(_folder.Path));
    }

    [NeedsTheory(Needs.Strace)]
    [InlineData("EINVAL")]
    [InlineData("ENOSYS")]
    public void Without_atomic_exchange_the_old_output_is_renamed_first(string error)
    {
        OldOutput();
        ToolRun run = Swap("trace=renameat2", $"inject=renameat2:error={error}");
        Assert.True(run.Exit == 0, run.ToString());
        Tool.Succeed("verify", Output);
        Assert.Equal(["out"], Folders.Names(_folder.Path));
        Assert.DoesNotContain("NOTICE", Folders.Names(Output), StringComparer.Ordinal);
    }

    [NeedsFact(Needs.Strace)]
    public void An_unreadable_input_is_named_with_the_tensor()
    {
        string input = Path.Combine(Folders.CopyDemo("sahili", _folder["sahili"]), "model.safetensors");
        string[] before = Folders.Snapshot(_folder.Path);
        ToolRun run = Tool.RunUnder(
            ["strace", "-f", "-qq", "-o", "/dev/null", "-P", input, "-e", "trace=pread64", "-e", "inject=pread64:error=EIO:when=30+"],
            "swap", "--task", Fixture.Set1("math"), "--language", _folder["sahili"], "--bottom", "1", "--top", "1", "--threads", "1",
            "--quiet", "-o", Output);

        Assert.True(run.Exit == 4, run.ToString());
        Assert.Contains(input, run.Error, StringComparison.Ordinal);
        Assert.Matches("tensor (model|lm_head)", run.Error);
        Tool.Run("clean", Output);
        Assert.Equal(before, Folders.Snapshot(_folder.Path));
    }

    private static ToolRun Under(string[] options, params string[] arguments) =>
        Tool.RunUnder(["strace", "-f", "-qq", "-o", "/dev/null", .. options], arguments);

    private ToolRun Swap(string trace, string inject) => Under(
        ["-e", trace, "-e", inject],
        "swap", "--task", Fixture.Set1("math"), "--language", Fixture.Set1("sahili"), "--bottom", "1", "--top", "1", "--threads", "1",
        "--quiet", "--overwrite", "-o", Output);

    private string[] OldOutput()
    {
        Tool.Run("clean", Output);
        if (Directory.Exists(Output))
        {
            Directory.Delete(Output, recursive: true);
        }

        Folders.CopyDemo("base", Output);
        File.WriteAllText(_folder["out", "NOTICE"], "old");
        return Folders.Snapshot(Output);
    }

    private void RequireOld(string[]? before)
    {
        if (before is not null)
        {
            Assert.Equal(before, Folders.Snapshot(Output));
        }
        else
        {
            Tool.Succeed("verify", Output);
        }
    }
}
