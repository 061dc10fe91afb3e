using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>A disk of 24 MB that is too small or fills up.</summary>
public sealed class DiskFullTests : IDisposable
{
    private readonly TempFolder _disk = new();
    private bool _mounted;

    private string Output => _disk["out"];

    public void Dispose()
    {
        if (_mounted)
        {
            Outside.Run("umount", _disk.Path);
        }

        _disk.Dispose();
    }

    [NeedsFact(Needs.Mount)]
    public void A_disk_that_is_too_small_is_detected_before_the_first_write()
    {
        using LongWork work = new(16.MB(), 1);
        string[] before = MountWithOldOutput();

        string error = Tool.Fail(4, work.Arguments(Output, "--dtype", "f32", "--overwrite"));

        Assert.Matches(@"needs [\d.]+ MB \(3\d{7} bytes\)", error);
        Assert.Matches(@"only [\d.]+ MB \(2\d{7} bytes\) are free", error);
        Assert.Contains(Output, error, StringComparison.Ordinal);
        Assert.Equal(before, Folders.Snapshot(_disk.Path));
    }

    [NeedsFact(Needs.Mount)]
    public void A_run_ended_by_a_full_disk_can_be_resumed() => FillsUp([]);

    [NeedsFact(Needs.Mount | Needs.Strace)]
    public void A_run_ended_by_a_full_disk_without_fallocate_can_be_resumed() =>
        FillsUp(
            [
                "strace", "-f", "-qq", "-o", "/dev/null", "--seccomp-bpf", "-e", "trace=fallocate", "-e",
                "inject=fallocate:error=EOPNOTSUPP"]);

    private void FillsUp(string[] wrapper)
    {
        using LongWork work = new(8.MB(), 120);
        string[] before = MountWithOldOutput();
        ToolRun run;
        using (ToolProcess process = work.StartWriting(wrapper, Output, "--overwrite"))
        {
            Assert.True(SpinWait.SpinUntil(
                () => File.Exists(_disk[".out.layerswap-partial", "model", "model.safetensors"]) || process.HasExited,
                TimeSpan.FromSeconds(30)));
            process.Signal("STOP");
            Fill();
            process.Signal("CONT");
            run = process.WaitForEnd();
        }

        Assert.True(run.Exit == 4, run.ToString());
        Assert.Equal("", run.Out);
        Assert.StartsWith($"layerswap: {Output} could not be written: ", run.Error, StringComparison.Ordinal);
        Assert.Matches(
            @"needs [\d.]+ MB \(\d+ bytes\); .* \(\d+ bytes\) are free there now\. What was there before is unchanged\.", run.Error);
        File.Delete(_disk["filler"]);
        Assert.Equal(before, Folders.Snapshot(_disk.Path).Where(e => !e.StartsWith(".out.layerswap-partial", StringComparison.Ordinal)));

        Tool.Succeed(work.Arguments(Output, "--overwrite", "--resume"));
        Tool.Succeed(work.Arguments(work["out"]));
        Assert.Equal(["out"], Folders.Names(_disk.Path));
        Assert.All(
            Folders.Names(Output),
            name => Assert.Equal(File.ReadAllBytes(work["out", name]), File.ReadAllBytes(Path.Combine(Output, name))));
    }

    private string[] MountWithOldOutput()
    {
        Outside.Run("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", _disk.Path);
        _mounted = true;
        Folders.CopyDemo("math", Output);
        return Folders.Snapshot(_disk.Path);
    }

    private void Fill()
    {
        using FileStream filler = new(_disk["filler"], FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        byte[] page = new byte[4096];
        try
        {
            while (true)
            {
                filler.Write(page);
            }
        }
        catch (IOException)
        {
            // It is full.
        }
    }
}
