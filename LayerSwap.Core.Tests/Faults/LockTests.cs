using System.Globalization;
using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>Two runs on one output, and the files that clean removes.</summary>
public sealed class LockTests
{
    [Fact]
    public async Task A_second_run_is_rejected_with_the_process_id_of_the_first_run()
    {
        using Scene scene = Scene.Linear();
        string target = scene.Stage();
        List<OutputException> refused = [];
        // Another run, resume or clean at every call of the first run, except before it takes the lock and after it releases it.
        CountingFiles files = new()
        {
            OnCall = call =>
            {
                if (call is > 2 and < 36)
                {
                    string[] before = Entries(target);
                    refused.Add(Assert.Throws<OutputException>(() => Wait(scene.Plan().ExecuteAsync(target))));
                    refused.Add(Assert.Throws<OutputException>(
                        () => Wait(scene.Plan().ExecuteAsync(target, new() { Resume = true, Overwrite = true }))));
                    refused.Add(Assert.Throws<OutputException>(() => Merge.DeletePartialOutput(target)));
                    Assert.Equal(before, Entries(target));
                }
            },
        };

        Assert.Null(await scene.RunAsync(target, files));

        await scene.RequireDoneAsync(target, "others tried");
        Assert.Equal(33 * 3, refused.Count);
        Assert.All(refused, r => Assert.True(r.Refused, r.Message));
        Assert.All(refused, r => Assert.Contains("is being written by another run", r.Message, StringComparison.Ordinal));
        Assert.Contains(
            $"process {Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}.", refused[^1].Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_two_runs_started_together_one_is_rejected_and_one_completes()
    {
        using Scene scene = Scene.Linear();
        string target = scene.Stage();
        using ManualResetEventSlim begun = new(), goOn = new();
        Task<Exception?>? first = null;
        // The second run has found no folder. Before it creates one, the first run begins.
        CountingFiles second = new()
        {
            OnCall = call =>
            {
                if (call == 1)
                {
                    first = scene.RunAsync(target, new CountingFiles
                    {
                        OnCall = c =>
                        {
                            if (c == 12)
                            {
                                begun.Set();
                                Assert.True(goOn.Wait(TimeSpan.FromSeconds(30)));
                            }
                        },
                    });
                    Assert.True(begun.Wait(TimeSpan.FromSeconds(30)));
                }
            },
        };

        OutputException refused = Assert.IsType<OutputException>(await scene.RunAsync(target, second));
        goOn.Set();

        Assert.Contains("is being written by another run", refused.Message, StringComparison.Ordinal);
        Assert.Null(await first!);
        await scene.RequireDoneAsync(target, "the first of two");
    }

    [Fact]
    public async Task Clean_removes_only_files_made_by_LayerSwap()
    {
        using Scene scene = Scene.Linear();
        string target = scene.Stage(), place = Path.GetDirectoryName(target)!;
        Assert.False(Merge.DeletePartialOutput(target));
        await scene.RunAsync(target, new CountingFiles(Fault.Kill, 18));
        string left = Merge.FindPartialOutput(target)!;
        File.WriteAllText(Path.Combine(left, "thesis.txt"), "the only copy");
        File.WriteAllText(Path.Combine(place, "beside.txt"), "mine");
        string[] before = Folders.Snapshot(place);

        foreach (Func<Task> attempt in
            (Func<Task>[])[() => scene.Plan().ExecuteAsync(target), () => scene.Plan().ExecuteAsync(target, new() { Resume = true })])
        {
            OutputException refused = await Assert.ThrowsAsync<OutputException>(attempt);
            Assert.Contains("thesis.txt", refused.Message, StringComparison.Ordinal);
            Assert.Equal(before, Folders.Snapshot(place));
        }

        string error = Tool.Fail(2, "clean", target);
        Assert.Contains("thesis.txt", error, StringComparison.Ordinal);
        Assert.Contains(left, error, StringComparison.Ordinal);
        Assert.Equal(["thesis.txt"], Folders.Names(left));

        File.Delete(Path.Combine(left, "thesis.txt"));
        ToolRun clean = Tool.Succeed("clean", target);
        Assert.Equal($"removed {left}\n", clean.Out);
        Assert.Equal(["beside.txt"], Folders.Names(place));
        Assert.Equal("", Tool.Succeed("clean", target).Out);
    }

    [Fact]
    public async Task Clean_leaves_a_finished_output_unchanged()
    {
        using Scene scene = Scene.Linear();
        string target = scene.Stage();
        await scene.RunAsync(target, new CountingFiles());
        Assert.False(Merge.DeletePartialOutput(target));
        await scene.RequireDoneAsync(target, "cleaned");
    }

    /// <summary>Names and sizes of all files around a target. The lock file cannot be read while it is held.</summary>
    private static string[] Entries(string target) =>
        [.. new DirectoryInfo(Path.GetDirectoryName(target)!)
            .EnumerateFileSystemInfos("*", SearchOption.AllDirectories)
            .Select(e => $"{e.FullName} {(e as FileInfo)?.Length}")
            .Order(StringComparer.Ordinal)];

    private static void Wait(Task task) => task.GetAwaiter().GetResult();
}
