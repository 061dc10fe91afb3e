using LayerSwap.Tests.Cli;
using LayerSwap.Tests.Faults;

namespace LayerSwap.Tests.Execution;

/// <summary>Parts executed in any order give the output of a single run. Missing and foreign parts are rejected and named.</summary>
public sealed partial class PartsTests : IDisposable
{
    private readonly TempFolder _temp = new(inMemory: true);
    private readonly List<ICheckpoint> _open = [];

    /// <summary>The folder of the parts.</summary>
    private string Root => _temp["place", ".out.layerswap-parts"];

    private string Output => _temp["place", "out"];

    public void Dispose()
    {
        _open.ForEach(m => m.Dispose());
        _temp.Dispose();
    }

    public static TheoryData<string> Methods => ["swap", "linear", "ties", "sce", "dare_ties", "della", "slerp"];

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task Parts_in_any_order_on_any_threads_give_the_bytes_of_a_single_run(string method)
    {
        ICheckpoint[] models = [.. Enumerable.Range(0, 3).Select(i => SmallModels.Llama($"m{i}", i, layers: 4))];
        MergeBuilder Build(int threads, int block) =>
            Of(method, models).WithSeed(11).InShardsOf(20_000).OnThreads(threads).InBlocksOf(block);
        MergeResult single = await Build(1, int.MaxValue).SaveAsync(_temp["single", "out"]);
        Random random = new(method.Length);
        foreach (int count in (int[])[1, 2, 3, 7, single.Plan.Files.Count + 5])
        {
            string output = _temp[$"{count}", "out"];
            int[] order = [.. Enumerable.Range(1, count)];
            random.Shuffle(order);
            List<string> files = [];
            foreach (int number in (int[])[.. order, order[0], order[^1]])
            {
                MergePart part = MergePart.Of(number, count);
                MergePlan plan = Build(random.Next(1, 5), random.Next(1, 5000)).Plan();
                MergeResult worked = await plan.ExecutePartAsync(output, part);
                files.AddRange(worked.Files.Where(f => f.EndsWith(".safetensors", StringComparison.Ordinal)));
                Assert.Equal(part.Of(plan).Tensors.Count, worked.Tensors);
                Assert.False(Directory.Exists(output));
            }

            MergeResult finished = await Build(2, 100).Plan().AssembleAsync(output);
            Assert.Equal(single.Files.Order(StringComparer.Ordinal), finished.Files.Order(StringComparer.Ordinal));
            Assert.Equal(single.Plan.Files, files.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
            Assert.Equal((output, single.Tensors, single.Bytes), (finished.Path, finished.Tensors, finished.Bytes));
            Folders.RequireSame(_temp["single", "out"], output);
            Assert.Equal(["out"], Folders.Names(_temp[$"{count}"]));
            Assert.True((await Checkpoint.VerifyAsync(output)).Ok);
        }
    }

    [Fact]
    public async Task A_single_file_model_is_written_by_one_part_and_the_others_are_empty()
    {
        MergePlan Plan() => Saved(b => b.InShardsOf(5_000_000));
        await Plan().ExecuteAsync(_temp["single", "out"]);
        List<int> tensors = [];
        foreach (int number in (int[])[3, 1, 2])
        {
            tensors.Add((await Plan().ExecutePartAsync(Output, MergePart.Of(number, 3))).Tensors);
        }

        await Plan().AssembleAsync(Output);
        Assert.Equal([0, 0, Plan().Tensors.Count], tensors);
        Assert.Contains("model.safetensors", Folders.Names(Output), StringComparer.Ordinal);
        RequireDone();
    }

    [Fact]
    public async Task Assembling_twice_is_allowed_and_parts_of_a_finished_output_do_no_work()
    {
        foreach (SaveOptions options in (SaveOptions[])[new(), new() { Overwrite = true }])
        {
            await WorkAsync(2);
            await Saved().AssembleAsync(Output, options);
            string[] before = Folders.Snapshot(_temp["place"]);

            MergeResult again = await Saved().AssembleAsync(Output, options),
                part = await Saved().ExecutePartAsync(Output, MergePart.Of(1, 2), options),
                other = await Saved().ExecutePartAsync(Output, MergePart.Of(2, 5), options);

            Assert.Equal(Folders.Names(Output), again.Files.Order(StringComparer.Ordinal));
            Assert.Equal((Output, 0, 0), (part.Path, part.Tensors, other.Tensors));
            Assert.Equal(before, Folders.Snapshot(_temp["place"]));
            Directory.Delete(Output, recursive: true);
        }
    }

    [Fact]
    public async Task Parts_left_next_to_a_finished_output_are_removed()
    {
        await WorkAsync(2);
        await Saved().ExecuteAsync(_temp["single", "out"]);
        // The state after finish was killed following the rename of the output.
        Directory.Move(_temp["single", "out"], Output);
        Directory.Delete(Path.Combine(Root, "part-1-of-2"), recursive: true);
        foreach (bool overwrite in (bool[])[true, false])
        {
            await Saved().AssembleAsync(Output, new() { Overwrite = overwrite });
            Assert.Equal(["out"], Folders.Names(_temp["place"]));
        }
    }

    [Fact]
    public async Task Missing_parts_are_named_with_their_files()
    {
        MergePlan plan = Saved();
        Assert.Contains("No part of ", await RefusedAsync(() => plan.AssembleAsync(Output)), StringComparison.Ordinal);
        await plan.ExecutePartAsync(Output, MergePart.Of(2, 3));
        string[] before = Folders.Snapshot(_temp["place"]);

        string error = await RefusedAsync(() => plan.AssembleAsync(Output));

        foreach (int number in (int[])[1, 3])
        {
            IReadOnlyList<string> files = MergePart.Of(number, 3).Of(plan).Files;
            Assert.True(files.Count > 1);
            Assert.Contains($"{number}/3 ({files[0]} and {files.Count - 1} more)", error, StringComparison.Ordinal);
        }

        Assert.Contains("Of 3 parts", error, StringComparison.Ordinal);
        Assert.Contains("2 are missing", error, StringComparison.Ordinal);
        Assert.Contains("--part 1/3", error, StringComparison.Ordinal);
        Assert.Equal(before, Folders.Snapshot(_temp["place"]));
        await plan.ExecutePartAsync(Output, MergePart.Of(1, 3));
        Assert.Contains("1 is missing: 3/3 (", await RefusedAsync(() => plan.AssembleAsync(Output)), StringComparison.Ordinal);
        await plan.ExecutePartAsync(Output, MergePart.Of(3, 3));
        await plan.AssembleAsync(Output);
        await RequireSingleAsync();
    }

    [Fact]
    public async Task With_a_huge_part_count_only_parts_that_own_files_are_needed()
    {
        MergePart[] owners = [.. MergePart.Split(Saved(), int.MaxValue).Select(p => p.Part)];
        Assert.Equal(Saved().Files.Count, owners.Length);
        foreach (MergePart part in owners)
        {
            await Saved().ExecutePartAsync(Output, part);
        }

        await Saved().AssembleAsync(Output);
        await RequireSingleAsync();
    }

    [Fact]
    public async Task Many_missing_parts_are_counted_and_parts_without_files_are_not_required()
    {
        MergePlan plan = Saved();
        await plan.ExecutePartAsync(
            Output, MergePart.Of(Enumerable.Range(1, 100).First(n => MergePart.Of(n, 100).Of(plan).Files.Count > 0), 100));
        string error = await RefusedAsync(() => plan.AssembleAsync(Output));
        Assert.Contains($"{plan.Files.Count - 1} are missing", error, StringComparison.Ordinal);
        Assert.Contains($" and {plan.Files.Count - 6} more. Remedy", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_two_concurrent_runs_of_one_part_one_is_rejected_and_other_parts_continue()
    {
        List<string> refused = [];
        int others = 0;
        // At every call of the first run, except before it takes the lock and after it releases it.
        CountingFiles counting = new(), files = new()
        {
            OnCall = call =>
            {
                if (call > 3 && call < counting.Calls - 1)
                {
                    refused.Add(RefusedAsync(() => Saved().ExecutePartAsync(Output, MergePart.Of(1, 3))).GetAwaiter().GetResult());
                    refused.Add(RefusedAsync(() => Task.FromResult(Merge.DeletePartialOutput(Output))).GetAwaiter().GetResult());
                    others += Saved().ExecutePartAsync(Output, MergePart.Of(2, 3)).GetAwaiter().GetResult().Tensors;
                }
            },
        };
        await Saved().ExecutePartAsync(_temp["sample", "out"], MergePart.Of(1, 3), new() { Files = counting });
        Directory.CreateDirectory(_temp["place"]);

        await Saved().ExecutePartAsync(Output, MergePart.Of(1, 3), new() { Files = files });

        Assert.True(refused.Count > 50, $"{refused.Count}");
        Assert.All(refused, r => Assert.Contains("part-1-of-3 is being written by another run", r, StringComparison.Ordinal));
        Assert.Equal(refused.Count / 2 * MergePart.Of(2, 3).Of(Saved()).Tensors.Count, others);
        await Saved().ExecutePartAsync(Output, MergePart.Of(3, 3));
        await Saved().AssembleAsync(Output);
        await RequireSingleAsync();
    }

    [Fact]
    public async Task Concurrent_parts_give_the_same_output_as_sequential_parts()
    {
        MergePlan[] plans = [.. Enumerable.Range(0, 6).Select(_ => Saved())];
        await Task.WhenAll(plans.Select((p, i) => p.ExecutePartAsync(Output, MergePart.Of(i + 1, 6))));
        await Saved().AssembleAsync(Output);
        await RequireSingleAsync();
    }

    [Fact]
    public async Task Parts_being_assembled_cannot_be_assembled_or_removed_by_another_run()
    {
        await WorkAsync(2);
        List<string> refused = [];
        CountingFiles files = new()
        {
            OnCall = call =>
            {
                // Only while the lock is held, and before the staging folder and the parts are removed.
                if (call > 2 && Directory.Exists(_temp["place", ".out.layerswap-partial", "model"]))
                {
                    refused.Add(RefusedAsync(() => Saved().AssembleAsync(Output)).GetAwaiter().GetResult());
                    refused.Add(RefusedAsync(() => Task.FromResult(Merge.DeletePartialOutput(Output))).GetAwaiter().GetResult());
                }
            },
        };
        await Saved().AssembleAsync(Output, new() { Files = files });
        Assert.True(refused.Count > 20, $"{refused.Count}");
        Assert.All(refused, r => Assert.Contains($"{Output} is being written by another run", r, StringComparison.Ordinal));
        await RequireSingleAsync();
    }

    [Fact]
    public async Task A_cancelled_part_keeps_finished_tensors_and_resumes()
    {
        using CancellationTokenSource stop = new();
        int reads = 0;
        MergePart part = MergePart.Of(2, 2);
        CountingCheckpoint first = Counted(_ => { if (++reads == 12) { stop.Cancel(); } }),
            second = Counted(_ => { }),
            whole = Counted(_ => { });
        MergePlan Plan(CountingCheckpoint model) => Merge.Onto(model).As(DType.Float32).InShardsOf(20_000).OnThreads(1).Plan();
        await Plan(whole).ExecutePartAsync(_temp["whole", "out"], part);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Plan(first).ExecutePartAsync(Output, part, cancellationToken: stop.Token));

        Assert.Equal(Root, Merge.FindPartialOutput(Output));
        Assert.Equal([".part-2-of-2.layerswap-partial"], Folders.Names(Root));
        Assert.Contains("2/2", await RefusedAsync(async () =>
        {
            await Plan(whole).ExecutePartAsync(Output, MergePart.Of(1, 2));
            await Plan(whole).AssembleAsync(Output);
        }), StringComparison.Ordinal);
        await Plan(second).ExecutePartAsync(Output, part);
        Assert.InRange(second.BytesRead, 1, part.Of(Plan(whole)).ReadBytes - 1);
        await Plan(whole).AssembleAsync(Output);
        await Plan(whole).ExecuteAsync(_temp["single", "out"]);
        RequireDone();
    }

    [Fact]
    public async Task A_part_cancelled_before_the_first_tensor_leaves_no_files()
    {
        using CancellationTokenSource stop = new();
        CountingFiles files = new() { OnCall = call => { if (call == 5) { stop.Cancel(); } } };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Saved().ExecutePartAsync(Output, MergePart.Of(1, 2), new() { Files = files }, stop.Token));
        Assert.False(Directory.Exists(_temp["place"]));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Saved().AssembleAsync(Output, cancellationToken: stop.Token));
    }

    [Fact]
    public async Task Leftover_parts_are_found_and_can_be_removed()
    {
        Assert.Null(Merge.FindPartialOutput(Output));
        await Saved().ExecutePartAsync(Output, MergePart.Of(1, 2));
        await Record.ExceptionAsync(
            () => Saved().ExecutePartAsync(Output, MergePart.Of(2, 2), new() { Files = new CountingFiles(Fault.Kill, 20) }));
        Assert.Equal([".part-2-of-2.layerswap-partial", "part-1-of-2"], Folders.Names(Root));
        File.WriteAllText(_temp["place", "beside.txt"], "mine");
        Assert.Equal(Root, Merge.FindPartialOutput(Output));
        Assert.True(Merge.DeletePartialOutput(Output));
        Assert.Equal(["beside.txt"], Folders.Names(_temp["place"]));
        Assert.Null(Merge.FindPartialOutput(Output));
        Assert.False(Merge.DeletePartialOutput(Output));
    }

    [Fact]
    public async Task A_killed_single_run_does_not_affect_the_parts()
    {
        await WorkAsync(2);
        Assert.IsType<DeathException>(
            await Record.ExceptionAsync(() => Saved().ExecuteAsync(Output, new() { Files = new CountingFiles(Fault.Kill, 60) })));
        Assert.True(Directory.EnumerateFiles(_temp["place", ".out.layerswap-partial", "model"]).Any());
        await Saved().AssembleAsync(Output);
        await RequireSingleAsync();
    }

    [Fact]
    public async Task Progress_of_the_parts_sums_to_the_whole()
    {
        long total = 0;
        MergePlan plan = Saved();
        foreach (int number in (int[])[1, 2])
        {
            List<WorkProgress> reports = [];
            await plan.ExecutePartAsync(Output, MergePart.Of(number, 2), new() { Progress = new Recorder(reports) });
            Assert.Equal(reports[^1].BytesTotal, reports[^1].BytesDone);
            total += reports[^1].BytesTotal;
        }

        Assert.Equal(plan.ReadBytes + plan.WriteBytes, total);
    }

    private static MergeBuilder Of(string method, ICheckpoint[] models) => method switch
    {
        "swap" => Merge.LayerSwap(models[1], models[2], 1, 1, 1),
        "della" =>
            Merge.Onto(models[0]).With(models[1], 0.6).With(models[2], 0.3).Using(
                MergeStrategies.Della(new() { Density = 0.6, Rescale = Rescale.L1 })),
        _ => MethodMerges.Of(method, models),
    };

    /// <summary>A merge of two models on disk, reopened, in about nine files.</summary>
    private MergePlan Saved(Func<MergeBuilder, MergeBuilder>? change = null, double weight = 0.5)
    {
        ICheckpoint[] models = [.. Enumerable.Range(0, 2).Select(i =>
        {
            string folder = _temp[$"m{i}"];
            return Checkpoint.Open(Directory.Exists(folder) ? folder : Folders.Save(SmallModels.Llama($"m{i}", i, layers: 2), folder));
        })];
        _open.AddRange(models);
        MergeBuilder builder =
            Merge.WithoutBase().With(models[0]).With(models[1], weight).Using(MergeStrategies.Linear()).InShardsOf(7_000).OnThreads(1);
        return (change?.Invoke(builder) ?? builder).Plan();
    }

    private static CountingCheckpoint Counted(Action<long> onRead) => new(SmallModels.Llama("m", 1, layers: 4)) { OnRead = onRead };

    private async Task WorkAsync(int count, SaveOptions? options = null)
    {
        for (int number = 1; number <= count; number++)
        {
            await Saved().ExecutePartAsync(Output, MergePart.Of(number, count), options);
        }
    }

    private static async Task<string> RefusedAsync(Func<Task> attempt)
    {
        OutputException refused = await Assert.ThrowsAsync<OutputException>(attempt);
        Assert.True(refused.Refused, refused.Message);
        Assert.Contains("Remedy: ", refused.Message, StringComparison.Ordinal);
        return refused.Message;
    }

    private async Task RequireSingleAsync()
    {
        await Saved().ExecuteAsync(_temp["single", "out"], new() { Overwrite = true });
        RequireDone();
    }

    private void RequireDone()
    {
        Folders.RequireSame(_temp["single", "out"], Output);
        Assert.Equal(["out"], Folders.Names(_temp["place"]));
    }

    private sealed class Recorder(List<WorkProgress> reports) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value) => reports.Add(value);
    }
}
