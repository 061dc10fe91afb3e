using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>
/// The first call fails, then the second, and so on until a run completes. After each failure the promises are checked against the files.
/// </summary>
public sealed class NthCallTests
{
    private static readonly (Fault Fault, int At)[] SecondFaults =
        [(Fault.Kill, 2), (Fault.DeviceError, 9), (Fault.Kill, 16), (Fault.ShortWrite, 7), (Fault.NoSpace, 23), (Fault.Kill, 33)];

    public static TheoryData<string, Fault> Cases()
    {
        TheoryData<string, Fault> cases = [];
        foreach (string scene in (string[])["swap", "merge", "sharded merge", "overwrite", "companions"])
        {
            foreach (Fault fault in Enum.GetValues<Fault>())
            {
                cases.Add(scene, fault);
            }
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task After_any_failing_call_the_target_is_old_or_new_and_the_run_can_be_resumed(string name, Fault fault)
    {
        using Scene scene = Scene.Of(name);
        int failed = 0, resumed = 0, n = 0;
        CountingFiles files;
        do
        {
            n++;
            foreach (bool keep in fault == Fault.Kill ? (bool[])[false] : [false, true])
            {
                string target = scene.Stage(), when = $"{name}, {fault} at call {n}{(keep ? ", kept" : "")}";
                files = new(fault, n);
                Exception? error = await scene.RunAsync(target, files, keep: keep);
                bool complete = await scene.RequireOldOrNewAsync(target, when);
                RequireProper(error, fault, target, complete, files.Struck, when);
                failed += error is null ? 0 : 1;
                string? left = Merge.FindPartialOutput(target);
                if (error is not null && left is null)
                {
                    Assert.True(
                        Folders.Names(Path.GetDirectoryName(target)!).All(f => f == "out"),
                        $"{when}: something is left that is not known as left.");
                }

                if (left is not null)
                {
                    Assert.True(error is not null, $"{when}: a run that said it was done left {left}.");
                    resumed++;
                    await RequirePlainRunRefusedAsync(scene, target, left, complete, when);
                }

                await scene.ResumeToTheEndAsync(target, when);
            }

            Assert.True(n < 1000, "A thousand calls and no end.");
            files = new(fault, n + 1);
        }
        while (await IsReachedAsync(scene, files));

        Assert.True(n >= 15, $"Only {n} calls went through the seam.");
        Assert.True(failed > 10, $"Only {failed} runs failed.");
        Assert.True(resumed > 5, $"Only {resumed} runs were resumed.");
    }

    [Theory]
    [InlineData("swap")]
    [InlineData("sharded merge")]
    [InlineData("overwrite")]
    public async Task A_resumed_run_that_fails_can_be_resumed_again(string name)
    {
        using Scene scene = Scene.Of(name);
        for (int n = 1; ; n += 2)
        {
            CountingFiles first = new();
            foreach ((Fault fault, int m) in SecondFaults)
            {
                string target = scene.Stage(), when = $"{name}, killed at call {n}, resumed with {fault} at call {m}";
                first = new(Fault.Kill, n);
                await scene.RunAsync(target, first);
                CountingFiles second = new(fault, m);
                Exception? error = await scene.RunAsync(target, second, resume: true);
                RequireProper(error, fault, target, await scene.RequireOldOrNewAsync(target, when), second.Struck, when);
                await scene.ResumeToTheEndAsync(target, when);
            }

            if (!first.Struck)
            {
                return;
            }
        }
    }

    /// <summary>A run is killed; then the first call of clean fails, then the second, and so on. Repeating clean completes it.</summary>
    [Theory]
    [InlineData("merge", Fault.Kill)]
    [InlineData("merge", Fault.DeviceError)]
    [InlineData("overwrite", Fault.Kill)]
    [InlineData("companions", Fault.DeviceError)]
    public async Task After_any_failing_call_of_clean_the_target_is_old_or_new_and_clean_can_be_repeated(string name, Fault fault)
    {
        using Scene scene = Scene.Of(name);
        int cleaned = 0;
        for (int n = 14; ; n += 5)
        {
            CountingFiles killed = new(Fault.Kill, n) { WithoutExchange = n % 2 == 0 };
            bool struck = true;
            for (int m = 1; struck; m++)
            {
                string target = scene.Stage(), when = $"{name}, killed at call {n}, cleaned with {fault} at call {m}";
                killed = new(Fault.Kill, n) { WithoutExchange = n % 2 == 0 };
                await scene.RunAsync(target, killed);
                CountingFiles files = new(fault, m);
                Exception? error = Record.Exception(() => Merge.DeletePartialOutput(target, files));
                struck = files.Struck;
                Assert.True(struck ? error is DeathException or IOException : error is null, $"{when}: {error}");
                Merge.DeletePartialOutput(target);
                await scene.RequireOldOrNewAsync(target, when);
                Assert.True(Folders.Names(Path.GetDirectoryName(target)!).All(f => f == "out"), $"{when}: something is left.");
                cleaned += struck ? 1 : 0;
            }

            if (!killed.Struck)
            {
                Assert.True(cleaned > 20, $"Only {cleaned} calls of cleaning failed.");
                return;
            }
        }
    }

    /// <summary>Whether a run makes at least this many calls.</summary>
    private static async Task<bool> IsReachedAsync(Scene scene, CountingFiles files)
    {
        await scene.RunAsync(scene.Stage(), files);
        return files.Struck;
    }

    private static void RequireProper(Exception? error, Fault fault, string target, bool complete, bool struck, string when)
    {
        if (fault == Fault.Kill && struck)
        {
            Assert.True(error is DeathException, $"{when}: {error}");
            return;
        }

        if (error is null)
        {
            Assert.True(!struck || fault == Fault.ShortWrite, $"{when}: said to be done, though a call failed.");
            Assert.True(complete, $"{when}: said to be done, and is not.");
            return;
        }

        OutputException output = Assert.IsType<OutputException>(error);
        Assert.True(struck, $"{when}: failed undisturbed: {error}");
        Assert.False(output.Refused, $"{when}: {error}");
        Assert.Contains(target, output.Message, StringComparison.Ordinal);
        Assert.Contains("Remedy: ", output.Message, StringComparison.Ordinal);
        // The message describes the state of the target correctly.
        Assert.True(
            complete != output.Message.Contains("What was there before is unchanged.", StringComparison.Ordinal),
            $"{when}: {(complete ? "new" : "old")}, but: {output.Message}");
        if (fault == Fault.NoSpace && !complete)
        {
            Assert.Matches(@"needs .* \(\d+ bytes\).*\(\d+ bytes\) are free", output.Message);
        }
    }

    private static async Task RequirePlainRunRefusedAsync(Scene scene, string target, string left, bool complete, string when)
    {
        if (!File.Exists(Path.Combine(left, "journal")))
        {
            // No tensor was finished, so a new run loses no work.
            return;
        }

        string[] before = Folders.Snapshot(Path.GetDirectoryName(target)!);
        OutputException refused = Assert.IsType<OutputException>(await scene.RunAsync(target, new CountingFiles()));
        Assert.True(refused.Refused, $"{when}, plain: {refused}");
        if (complete && !scene.Overwrite)
        {
            Assert.Contains("exists and is not empty", refused.Message, StringComparison.Ordinal);
        }
        else
        {
            Assert.Contains(left, refused.Message, StringComparison.Ordinal);
            Assert.Contains("--resume", refused.Message, StringComparison.Ordinal);
            Assert.Contains("layerswap clean", refused.Message, StringComparison.Ordinal);
        }

        Assert.True(
            before.SequenceEqual(Folders.Snapshot(Path.GetDirectoryName(target)!), StringComparer.Ordinal),
            $"{when}: a refused run changed something.");
    }
}
