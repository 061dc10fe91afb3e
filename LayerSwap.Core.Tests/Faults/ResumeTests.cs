using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>Tests which runs can be resumed, and that they are checked first.</summary>
public sealed class ResumeTests
{
    /// <summary>The call at which the fourth of five tensors is written.</summary>
    private const int Middle = 20;

    public static TheoryData<string> Methods => [.. MergeStrategies.Methods.Where(m => !m.IsWholeModel).Select(m => m.Name)];

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task A_resumed_run_gives_the_bytes_and_the_manifest_of_an_undisturbed_run(string method)
    {
        using Scene scene = Scene.Of(models => Execution.MethodMerges.Of(method, models));
        foreach (int at in (int[])[Middle, int.MaxValue])
        {
            string target = scene.Stage();
            // Killed in the middle, and after the rename, when only the staging folder remains to be removed.
            int call = at;
            if (at == int.MaxValue)
            {
                CountingFiles counting = new();
                await scene.RunAsync(scene.Stage(), counting);
                call = counting.Calls;
            }

            Assert.IsType<DeathException>(await scene.RunAsync(target, new CountingFiles(Fault.Kill, call)));
            await scene.ResumeToTheEndAsync(target, $"{method}, killed at call {call}");
        }
    }

    [Fact]
    public async Task Merges_of_merges_and_of_views_are_resumed()
    {
        using Scene scene = Scene.Of(
            m =>
                Merge.Soup(
                    Merge.Soup(m).Plan().AsCheckpoint(), m[0], Merge.Onto(m[0]).With(m[1]).TaskArithmetic(0.5).Plan().AsCheckpoint()));
        string target = scene.Stage();
        Assert.IsType<DeathException>(await scene.RunAsync(target, new CountingFiles(Fault.Kill, Middle)));
        OutputException refused = await Assert.ThrowsAsync<OutputException>(
            () => scene.Plan(b => b.As(DType.Float64)).ExecuteAsync(target, new() { Resume = true }));
        Assert.Contains("was another merge", refused.Message, StringComparison.Ordinal);
        await scene.ResumeToTheEndAsync(target, "a merge of merges");
    }

    [Fact]
    public void Merges_by_different_weights_have_different_names()
    {
        ICheckpoint a = SmallModels.Llama("a", 1), b = SmallModels.Llama("b", 2);
        Assert.NotEqual(
            Merge.WithoutBase().With(a, 0.4).With(b).Using(MergeStrategies.Linear()).Plan().AsCheckpoint().Name,
            Merge.WithoutBase().With(a, 0.6).With(b).Using(MergeStrategies.Linear()).Plan().AsCheckpoint().Name);
    }

    [Fact]
    public async Task A_difference_to_the_interrupted_run_is_named_and_nothing_is_touched()
    {
        using Scene scene = Scene.Linear();
        (Func<MergeBuilder, MergeBuilder> Change, string Says)[] changes =
        [
            (b => b.WithSeed(1), "seed was 0 and is 1 now"),
            (b => b.As(DType.Float64), "dtype was as the inputs and is F64 now"),
            (b => b.InShardsOf(100), "shard size was 5000000000 and is 100 now"),
            (b => b.Using(MergeStrategies.Linear(new() { Normalize = false })), "rule 0 was "),
        ];
        string target = scene.Stage();
        Assert.IsType<DeathException>(await scene.RunAsync(target, new CountingFiles(Fault.Kill, Middle)));
        string[] left = Folders.Snapshot(Path.GetDirectoryName(target)!);
        foreach ((Func<MergeBuilder, MergeBuilder> change, string says) in changes)
        {
            OutputException refused =
                await Assert.ThrowsAsync<OutputException>(() => scene.Plan(change).ExecuteAsync(target, new() { Resume = true }));
            Assert.True(refused.Refused, refused.Message);
            Assert.Contains(says, refused.Message, StringComparison.Ordinal);
            Assert.Contains("layerswap clean", refused.Message, StringComparison.Ordinal);
            Assert.Equal(left, Folders.Snapshot(Path.GetDirectoryName(target)!));
        }

        OutputException stricter = await Assert.ThrowsAsync<OutputException>(
            () => scene.Plan().ExecuteAsync(target, new() { Resume = true, RefuseNonFinite = true }));
        Assert.Contains("non-finite inputs was counted and is refused now", stricter.Message, StringComparison.Ordinal);
        await scene.ResumeToTheEndAsync(target, "after refusals");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_input_that_changed_since_the_interruption_is_named(bool rewritten)
    {
        using Scene scene = Scene.Linear();
        string target = scene.Stage(), input = Path.Combine(scene.Inputs[1], "model.safetensors");
        Assert.IsType<DeathException>(await scene.RunAsync(target, new CountingFiles(Fault.Kill, Middle)));
        if (rewritten)
        {
            byte[] bytes = File.ReadAllBytes(input);
            bytes[^1] ^= 1;
            File.WriteAllBytes(input, bytes);
        }

        File.SetLastWriteTimeUtc(input, DateTime.UtcNow.AddMinutes(1));

        ICheckpoint[] models = [.. scene.Inputs.Select(Checkpoint.Open)];
        OutputException refused =
            await Assert.ThrowsAsync<OutputException>(() => Merge.Soup(models).OnThreads(1).SaveAsync(target, new() { Resume = true }));
        Array.ForEach(models, m => m.Dispose());
        Assert.Contains(input, refused.Message, StringComparison.Ordinal);
        Assert.Contains("changed", refused.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(target));
    }

    [Fact]
    public async Task A_custom_strategy_with_another_parameter_is_another_merge()
    {
        using Scene scene = Scene.Linear();
        string target = scene.Stage();
        Task<MergeResult> Run(double scale, CountingFiles files) =>
            scene.Plan(b => b.Using(new Scaled(scale))).ExecuteAsync(target, new() { Files = files, Resume = true });
        await Assert.ThrowsAsync<DeathException>(() => Run(2, new CountingFiles(Fault.Kill, Middle)));
        Assert.Contains(
            "scale 2", (await Assert.ThrowsAsync<OutputException>(() => Run(3, new CountingFiles()))).Message, StringComparison.Ordinal);
        await Run(2, new CountingFiles());
        Assert.Contains(
            "is not empty",
            (await Assert.ThrowsAsync<OutputException>(() => Run(3, new CountingFiles()))).Message,
            StringComparison.Ordinal);
        await Run(2, new CountingFiles());
    }

    /// <summary>Scales the first source.</summary>
    private sealed class Scaled(double scale) : ElementwiseStrategy
    {
        public override string Name => "scaled";

        public override string Settings => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"scale {scale}");

        protected override void Merge(OperandBlock<float> block)
        {
            for (int i = 0; i < block.Length; i++)
            {
                block.Output[i] = (float)scale * block[0][i];
            }
        }
    }

    [Fact]
    public async Task A_finished_tensor_that_was_changed_is_computed_again()
    {
        using Scene scene = Scene.Linear();
        string sample = scene.Stage();
        await scene.RunAsync(sample, new CountingFiles(Fault.Kill, Middle));
        long length = new FileInfo(Path.Combine(Merge.FindPartialOutput(sample)!, "model", "model.safetensors")).Length;
        for (long at = 0; at < length; at += 37)
        {
            string target = scene.Stage();
            Assert.IsType<DeathException>(await scene.RunAsync(target, new CountingFiles(Fault.Kill, Middle)));
            using (FileStream file = new(Path.Combine(Merge.FindPartialOutput(target)!, "model", "model.safetensors"), FileMode.Open))
            {
                file.Position = at;
                int value = file.ReadByte();
                file.Position = at;
                file.WriteByte((byte)(value ^ 0x10));
            }

            await scene.ResumeToTheEndAsync(target, $"byte {at} changed");
        }
    }

    [Fact]
    public async Task A_journal_that_is_cut_or_damaged_is_used_up_to_there()
    {
        using Scene scene = Scene.Linear();
        string sample = scene.Stage();
        await scene.RunAsync(sample, new CountingFiles(Fault.Kill, Middle));
        byte[] whole = File.ReadAllBytes(Path.Combine(Merge.FindPartialOutput(sample)!, "journal"));
        Assert.Equal(4, whole.Count(b => b == (byte)'\n'));
        for (int at = 0; at < whole.Length; at += 29)
        {
            byte[] damaged = [.. whole];
            damaged[at] ^= 1;
            foreach (byte[] journal in (byte[][])[whole[..at], damaged, [.. whole[..at], .. "garbage\n"u8], [.. whole, 0, 0, 255]])
            {
                string target = scene.Stage();
                Assert.IsType<DeathException>(await scene.RunAsync(target, new CountingFiles(Fault.Kill, Middle)));
                File.WriteAllBytes(Path.Combine(Merge.FindPartialOutput(target)!, "journal"), journal);
                await scene.ResumeToTheEndAsync(target, $"journal torn or damaged at {at}");
            }
        }
    }

    [Fact]
    public async Task An_old_output_with_a_damaged_manifest_is_overwritten()
    {
        using Scene scene = Scene.Overwriting();
        string target = scene.Stage();
        File.WriteAllText(Path.Combine(target, "layerswap.json"), "{}");
        await scene.ResumeToTheEndAsync(target, "a damaged manifest");
    }

    [Fact]
    public async Task A_complete_output_is_reported_without_work()
    {
        using Scene scene = Scene.Swap();
        string target = scene.Stage();
        await scene.ResumeToTheEndAsync(target, "nothing was begun");
        CountingFiles second = new();
        Assert.Null(await scene.RunAsync(target, second, resume: true));
        Assert.Equal(1, second.Calls);
        Assert.Equal([Path.GetDirectoryName(target)!], second.SyncedFolders);
        await scene.RequireDoneAsync(target, "again");
    }

    [Fact]
    public async Task Every_folder_with_a_new_entry_is_synced()
    {
        using Scene scene = Scene.Swap();
        string place = Path.GetDirectoryName(scene.Stage())!, target = Path.Combine(place, "a", "b", "out");
        CountingFiles files = new();
        Assert.Null(await scene.RunAsync(target, files));
        string staging = Path.Combine(place, "a", "b", ".out.layerswap-partial");
        Assert.Equal(
            [Path.Combine(place, "a"), place, staging, Path.Combine(staging, "model"), Path.Combine(place, "a", "b")], files.SyncedFolders);
        await scene.RequireDoneAsync(target, "two folders above");
    }
}
