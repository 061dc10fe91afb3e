using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>
/// The first call of a part or of finish fails, then the second, and so on. Repeating the command gives the output of a single run.
/// </summary>
public sealed class PartFaultTests
{
    private static readonly (Fault Fault, int At)[] SecondFaults = [(Fault.Kill, 4), (Fault.DeviceError, 14), (Fault.Kill, 24)];

    public static TheoryData<Fault> All => [.. Enum.GetValues<Fault>()];

    public static TheoryData<Fault, string> Finishes
    {
        get
        {
            TheoryData<Fault, string> cases = [];
            foreach (Fault fault in Enum.GetValues<Fault>())
            {
                foreach (string kind in (string[])["new", "overwrite, without links", "overwrite, without exchange"])
                {
                    cases.Add(fault, kind);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task After_any_failing_call_of_a_part_the_same_command_completes_it(Fault fault)
    {
        using Scene scene = Scene.Parts(overwrite: false);
        int failed = 0;
        for (int n = 1; ; n++)
        {
            string target = scene.Stage(), root = Root(target), when = $"{fault} at call {n} of part 1";
            Assert.Null(await scene.WorkAsync(target, 2));
            string[] other = Folders.Snapshot(Path.Combine(root, "part-2-of-2"));
            CountingFiles files = new(fault, n);

            Exception? error = await scene.WorkAsync(target, 1, files);

            Assert.False(Directory.Exists(target), when);
            bool made = Directory.Exists(Path.Combine(root, "part-1-of-2"));
            RequireProper(error, fault, made, files.Struck, when);
            if (!made)
            {
                OutputException missing = Assert.IsType<OutputException>(await scene.AssembleAsync(target));
                Assert.True(missing.Refused && missing.Message.Contains("is missing: 1/2", StringComparison.Ordinal), $"{when}: {missing}");
                Assert.Equal(root, Merge.FindPartialOutput(target));
            }

            error = await scene.WorkAsync(target, 1);
            Assert.True(error is null, $"{when}, again: {error}");
            Assert.Equal(["part-1-of-2", "part-2-of-2"], Folders.Names(root));
            Assert.Equal(other, Folders.Snapshot(Path.Combine(root, "part-2-of-2")));
            error = await scene.AssembleAsync(target);
            Assert.True(error is null, $"{when}, finished: {error}");
            await scene.RequireDoneAsync(target, when);
            failed += made ? 0 : 1;
            if (!files.Struck)
            {
                Assert.True(failed > (fault == Fault.ShortWrite ? 2 : 9), $"Only {failed} of {n} failed.");
                return;
            }
        }
    }

    [Theory]
    [MemberData(nameof(Finishes))]
    public async Task After_any_failing_call_of_finish_the_output_is_old_or_new_and_no_part_is_lost(Fault fault, string kind)
    {
        using Scene scene = Of(kind);
        int failed = 0, lost = 0;
        for (int n = 1; ; n++)
        {
            string target = await scene.StageWorkedAsync(), when = $"{kind}, {fault} at call {n}";
            string[] parts = Folders.Snapshot(Root(target));
            CountingFiles files = Files(kind, fault, n);

            Exception? error = await scene.AssembleAsync(target, files);

            // Without atomic exchange the old output is renamed for a moment.
            bool aside = kind.Contains("exchange", StringComparison.Ordinal) && fault == Fault.Kill && !Directory.Exists(target),
                complete = !aside && await scene.RequireOldOrNewAsync(target, when);
            RequireProper(error, fault, complete, files.Struck, when);
            failed += complete ? 0 : 1;
            if (!complete)
            {
                bool same = parts.SequenceEqual(Folders.Snapshot(Root(target)), StringComparer.Ordinal);
                Assert.True(same || (fault == Fault.Kill && !Links(kind)), $"{when}: a part is lost.");
                lost += same ? 0 : 1;
            }

            await FinishToTheEndAsync(scene, target, kind, when);
            if (!files.Struck)
            {
                Assert.True(error is null, $"{when}: {error}");
                Assert.True(failed > (fault == Fault.ShortWrite ? 2 : 9), $"Only {failed} of {n} failed.");
                Assert.Equal(fault == Fault.Kill && !Links(kind), lost > 0);
                return;
            }
        }
    }

    [Theory]
    [InlineData("new")]
    [InlineData("overwrite, without links")]
    [InlineData("overwrite, without exchange")]
    public async Task A_repeated_finish_that_fails_can_be_repeated_again(string kind)
    {
        using Scene scene = Of(kind);
        for (int n = 1; ; n += 3)
        {
            CountingFiles first = new();
            foreach ((Fault fault, int m) in SecondFaults)
            {
                string target = await scene.StageWorkedAsync(), when = $"{kind}, killed at call {n}, again with {fault} at call {m}";
                await scene.AssembleAsync(target, first = Files(kind, Fault.Kill, n));
                await scene.AssembleAsync(target, Files(kind, fault, m));
                if (!kind.Contains("exchange", StringComparison.Ordinal) || Directory.Exists(target))
                {
                    await scene.RequireOldOrNewAsync(target, when);
                }

                await FinishToTheEndAsync(scene, target, kind, when);
            }

            if (!first.Struck)
            {
                return;
            }
        }
    }

    [Theory]
    [InlineData("new")]
    [InlineData("overwrite, without links")]
    [InlineData("overwrite, without exchange")]
    public async Task Files_left_by_a_killed_finish_can_be_removed(string kind)
    {
        using Scene scene = Of(kind);
        for (int n = 1; ; n++)
        {
            string target = await scene.StageWorkedAsync(), when = $"{kind}, killed at call {n}, cleaned";
            CountingFiles files = Files(kind, Fault.Kill, n);
            await scene.AssembleAsync(target, files);
            Assert.Equal(files.Struck, Merge.DeletePartialOutput(target));
            await scene.RequireOldOrNewAsync(target, when);
            Assert.DoesNotContain(Folders.Names(Path.GetDirectoryName(target)!), f => f != "out");
            if (!files.Struck)
            {
                return;
            }
        }
    }

    [Fact]
    public async Task Finish_needs_no_disk_space_for_weights_and_syncs_renamed_files()
    {
        using Scene scene = Scene.Parts(overwrite: false);
        string target = await scene.StageWorkedAsync();
        CountingFiles files = new() { Free = 0 };
        Assert.Null(await scene.AssembleAsync(target, files));
        string staging = Path.Combine(Path.GetDirectoryName(target)!, ".out.layerswap-partial");
        Assert.Equal([staging, Path.Combine(staging, "model"), Path.GetDirectoryName(target)!], files.SyncedFolders);
        await scene.RequireDoneAsync(target, "no room");
        OutputException full = Assert.IsType<OutputException>(await scene.WorkAsync(scene.Stage(), 1, files));
        Assert.Contains("only", full.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Finish_does_not_copy_the_files_of_parts()
    {
        using Scene scene = Scene.Parts(overwrite: false);
        string target = await scene.StageWorkedAsync(), part = Path.Combine(Root(target), "part-1-of-2");
        using FileStream weights = new(
            Directory.EnumerateFiles(part, "*.safetensors").Order(StringComparer.Ordinal).First(),
            FileMode.Open,
            FileAccess.ReadWrite,
            FileShare.ReadWrite | FileShare.Delete);
        Assert.Null(await scene.AssembleAsync(target));
        await scene.RequireDoneAsync(target, "finished");
        weights.Position = weights.Length - 1;
        weights.WriteByte(0x55);
        weights.Flush();
        Assert.Equal(0x55, File.ReadAllBytes(Path.Combine(target, Path.GetFileName(weights.Name)))[^1]);
    }

    /// <summary>The link call fails. If links are unsupported the files are moved; on other errors the parts stay.</summary>
    [NeedsTheory(Needs.Strace)]
    [InlineData("EPERM", 0)]
    [InlineData("EIO", 4)]
    public async Task Files_are_moved_if_links_are_unsupported_and_parts_stay_if_linking_fails(string error, int exit)
    {
        using TempFolder folder = new();
        using (ICheckpoint math = Checkpoint.Open(Fixture.Set1("math")), sahili = Checkpoint.Open(Fixture.Set1("sahili")))
        {
            MergePlan plan = Merge.LayerSwap(math, sahili, 1, 1, 1).InShardsOf(300_000).Plan();
            await plan.ExecuteAsync(folder["single", "out"]);
            await plan.ExecutePartAsync(folder["place", "out"], MergePart.Of(1, 2));
            await plan.ExecutePartAsync(folder["place", "out"], MergePart.Of(2, 2));
        }

        string[] parts = Folders.Snapshot(folder["place"]),
            finish = [
                "swap", "--task", Fixture.Set1("math"), "--language", Fixture.Set1("sahili"), "--bottom", "1", "--top", "1", "--shard-size",
                "300KB", "--finish", "-o", folder["place", "out"]];

        // Not the first link, so that some links exist.
        ToolRun run = Tool.RunUnder(
            ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=?link,linkat", "-e", $"inject=?link,linkat:error={error}:when=3+"],
            finish);

        Assert.True(run.Exit == exit, run.ToString());
        if (exit != 0)
        {
            Assert.Contains("link of", run.Error, StringComparison.Ordinal);
            Assert.Equal(parts, Folders.Snapshot(folder["place"]));
            Tool.Succeed(finish);
        }

        Folders.RequireSame(folder["single", "out"], folder["place", "out"]);
        Assert.Equal(["out"], Folders.Names(folder["place"]));
    }

    private static Scene Of(string kind) => Scene.Parts(overwrite: kind.StartsWith("overwrite", StringComparison.Ordinal));

    private static CountingFiles Files(string kind, Fault? fault = null, int at = 0) =>
        new(fault, at) { WithoutLinks = !Links(kind), WithoutExchange = kind.Contains("exchange", StringComparison.Ordinal) };

    private static bool Links(string kind) => !kind.Contains("links", StringComparison.Ordinal);

    private static string Root(string target) => Path.Combine(Path.GetDirectoryName(target)!, ".out.layerswap-parts");

    private static async Task FinishToTheEndAsync(Scene scene, string target, string kind, string when)
    {
        Exception? error = await scene.AssembleAsync(target, Files(kind));
        if (error is OutputException { Refused: true } && !Links(kind))
        {
            // Killed while files were moved. The affected parts are named and executed again.
            Assert.Contains("is damaged", error.Message, StringComparison.Ordinal);
            Assert.Null(await scene.WorkAsync(target, 1));
            Assert.Null(await scene.WorkAsync(target, 2));
            error = await scene.AssembleAsync(target, Files(kind));
        }

        Assert.True(error is null, $"{when}, again: {error}");
        await scene.RequireDoneAsync(target, when);
    }

    private static void RequireProper(Exception? error, Fault fault, bool complete, bool struck, string when)
    {
        if (fault == Fault.Kill && struck)
        {
            Assert.True(error is DeathException, $"{when}: {error}");
        }
        else if (error is null)
        {
            Assert.True((!struck || fault == Fault.ShortWrite) && complete, $"{when}: said to be done, and is not.");
        }
        else
        {
            OutputException output = Assert.IsType<OutputException>(error);
            Assert.True(struck && !output.Refused, $"{when}: {error}");
            Assert.Contains("Remedy: ", output.Message, StringComparison.Ordinal);
            Assert.True(
                complete != output.Message.Contains("What was there before is unchanged.", StringComparison.Ordinal),
                $"{when}: {(complete ? "new" : "old")}, but: {output.Message}");
        }
    }
}
