namespace LayerSwap.Tests.Execution;

/// <summary>A plan read on demand gives the bytes that it would save, at any offset and length.</summary>
public sealed class ComputedCheckpointTests
{
    public static TheoryData<string> Methods => [.. MergeStrategies.Methods.Where(m => !m.IsWholeModel).Select(m => m.Name)];

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_plan_can_be_read_by_several_threads(string method)
    {
        const int Readers = 3, Rows = 60, Columns = 2000;
        ICheckpoint[] models = [.. Enumerable.Range(0, 3).Select(
            i => SmallModels.Of($"m{i}", DType.BFloat16, ("w", [Rows, Columns], MethodMerges.Noise(Rows * Columns, i))))];
        MergeBuilder merge = MethodMerges.Of(method, models);
        byte[] expected = SmallModels.Bytes(merge.Plan().AsCheckpoint(), "w");
        for (int round = 0; round < 6; round++)
        {
            MergePlan plan = merge.Plan();
            using Barrier start = new(Readers);
            byte[][] found = new byte[Readers][];
            Thread[] threads = [.. Enumerable.Range(0, Readers).Select(r => new Thread(() =>
            {
                using ICheckpoint computed = plan.AsCheckpoint();
                start.SignalAndWait();
                found[r] = SmallModels.Bytes(computed, "w");
            }))];
            Array.ForEach(threads, t => t.Start());
            Array.ForEach(threads, t => t.Join());
            Assert.All(found, bytes => Assert.True(expected.AsSpan().SequenceEqual(bytes)));
        }
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task Reads_at_any_offset_and_length_give_the_saved_bytes(string method)
    {
        using TempFolder temp = new();
        MergePlan plan = MethodMerges.Of(method, MethodMerges.Models()).Plan();
        await plan.ExecuteAsync(temp["out"]);
        using ICheckpoint saved = Checkpoint.Open(temp["out"]), computed = plan.AsCheckpoint();
        Assert.Equal(saved.Tensors.Select(t => t.ToString()), computed.Tensors.Select(t => t.ToString()));
        System.Random random = new(method.Length);
        foreach (TensorInfo tensor in saved.Tensors)
        {
            byte[] expected = SmallModels.Bytes(saved, tensor.Name);
            for (int i = 0; i < 40; i++)
            {
                int offset = random.Next(expected.Length + 1),
                    length = random.Next(Math.Min(expected.Length - offset, i < 20 ? 9 : int.MaxValue) + 1);
                byte[] window = new byte[length];
                computed.Read(tensor.Name, offset, window);
                Assert.True(expected.AsSpan(offset, length).SequenceEqual(window), $"{tensor.Name}: {length} bytes from {offset}");
            }

            Assert.Equal(expected, SmallModels.Bytes(computed, tensor.Name));
        }
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task A_merge_of_merges_equals_saving_each_step(string method)
    {
        using TempFolder temp = new();
        ICheckpoint[] models = MethodMerges.Models();
        MergePlan first = MethodMerges.Of(method, models).Plan();
        await first.ExecuteAsync(temp["first"]);
        using ICheckpoint saved = Checkpoint.Open(temp["first"]), computed = first.AsCheckpoint();
        await MethodMerges.Of(method, [models[0], saved, models[2]]).SaveAsync(temp["steps"]);
        await MethodMerges.Of(method, [models[0], computed, models[2]]).SaveAsync(temp["once"]);
        Assert.Equal(
            await File.ReadAllBytesAsync(temp["steps", "model.safetensors"]),
            await File.ReadAllBytesAsync(temp["once", "model.safetensors"]));
    }
}
