using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Execution;

/// <content>Parts of other merges, incomplete parts and foreign files are named, not used, and left unchanged.</content>
public sealed partial class PartsTests
{
    [Fact]
    public async Task Parts_with_different_part_counts_are_rejected()
    {
        await WorkAsync(2);
        await Saved().ExecutePartAsync(Output, MergePart.Of(2, 3));
        string[] before = Folders.Snapshot(_temp["place"]);
        string error = await RefusedAsync(() => Saved().AssembleAsync(Output));
        Assert.Contains("into 2 and into 3 parts", error, StringComparison.Ordinal);
        Assert.Contains("layerswap clean", error, StringComparison.Ordinal);
        Assert.Equal(before, Folders.Snapshot(_temp["place"]));
    }

    [Theory]
    [InlineData("another weight")]
    [InlineData("another seed")]
    [InlineData("another method")]
    [InlineData("other bytes")]
    [InlineData("a damaged record")]
    public async Task A_part_of_another_merge_is_named_and_left_unchanged(string what)
    {
        MergePlan plan = Saved();
        await plan.ExecutePartAsync(Output, MergePart.Of(1, 2));
        await (what switch
        {
            "another weight" => Saved(weight: 0.25),
            "another seed" => Saved(b => b.WithSeed(1)),
            "another method" => Saved(b => b.For(Layers.First(1), MergeStrategies.Take(0))),
            _ => plan,
        }).ExecutePartAsync(Output, MergePart.Of(2, 2));
        string input = _temp["m1", "model.safetensors"], record = Path.Combine(Root, "part-2-of-2", "layerswap.json");
        switch (what)
        {
            case "other bytes":
                byte[] bytes = File.ReadAllBytes(input);
                bytes[^1] ^= 1;
                File.WriteAllBytes(input, bytes);
                File.SetLastWriteTimeUtc(input, DateTime.UtcNow.AddMinutes(1));
                break;
            case "a damaged record":
                File.WriteAllText(record, File.ReadAllText(record)[..^9]);
                break;
        }

        string[] before = Folders.Snapshot(_temp["place"]);
        plan = Saved();
        foreach (Func<Task> attempt in
            (Func<Task>[])[
                () => plan.AssembleAsync(Output),
                () => plan.AssembleAsync(Output, new() { Overwrite = true }),
                () => plan.ExecutePartAsync(Output, MergePart.Of(2, 2))])
        {
            string error = await RefusedAsync(attempt);
            // A changed input invalidates all parts.
            Assert.Matches("Part [12]/2 of .* is not what this plan would make", error);
            Assert.Contains("layerswap clean", error, StringComparison.Ordinal);
            Assert.Equal(before, Folders.Snapshot(_temp["place"]));
        }

        Assert.True(Merge.DeletePartialOutput(Output));
        File.SetLastWriteTimeUtc(input, DateTime.UtcNow.AddMinutes(-1));
        await WorkAsync(2);
        await Saved().AssembleAsync(Output);
        await RequireSingleAsync();
    }

    [Fact]
    public async Task Parts_are_assembled_if_inputs_have_a_new_timestamp_and_the_same_bytes()
    {
        await WorkAsync(2);
        File.SetLastWriteTimeUtc(_temp["m1", "model.safetensors"], DateTime.UtcNow.AddMinutes(1));
        await Saved().AssembleAsync(Output);
        await RequireSingleAsync();
    }

    [Fact]
    public async Task A_part_without_a_manifest_is_treated_as_foreign()
    {
        await WorkAsync(2);
        File.Delete(Path.Combine(Root, "part-2-of-2", "layerswap.json"));
        string[] before = Folders.Snapshot(_temp["place"]);
        foreach (Func<Task> attempt in
            (Func<Task>[])[() => Saved().AssembleAsync(Output), () => Saved().ExecutePartAsync(Output, MergePart.Of(2, 2))])
        {
            Assert.Contains("which is not LayerSwap's", await RefusedAsync(attempt), StringComparison.Ordinal);
            Assert.Equal(before, Folders.Snapshot(_temp["place"]));
        }
    }

    [Theory]
    [InlineData("cut short")]
    [InlineData("lengthened")]
    [InlineData("deleted")]
    [InlineData("tampered with")]
    public async Task A_part_with_a_damaged_file_is_named_and_rewritten_by_the_same_command(string how)
    {
        await WorkAsync(2);
        string file = Directory.EnumerateFiles(Path.Combine(Root, "part-2-of-2"), "*.safetensors").Order(StringComparer.Ordinal).First();
        using (FileStream stream = new(file, FileMode.Open))
        {
            stream.SetLength(stream.Length + (how switch { "cut short" => -1, "lengthened" => 1, _ => 0 }));
            if (how == "tampered with")
            {
                stream.Position = stream.Length - 1;
                int value = stream.ReadByte();
                stream.Position--;
                stream.WriteByte((byte)(value ^ 1));
            }
        }

        if (how == "deleted")
        {
            File.Delete(file);
        }

        string error = await RefusedAsync(() => Saved().AssembleAsync(Output));
        Assert.Contains($"Part 2/2 of {Output} is damaged: ", error, StringComparison.Ordinal);
        Assert.Contains(Path.GetFileName(file), error, StringComparison.Ordinal);
        Assert.Contains("--part 2/2", error, StringComparison.Ordinal);
        Assert.Equal([".out.layerswap-parts"], Folders.Names(_temp["place"]));

        await Saved().ExecutePartAsync(Output, MergePart.Of(2, 2));
        Assert.Equal(["part-1-of-2", "part-2-of-2"], Folders.Names(Root));
        await Saved().AssembleAsync(Output);
        await RequireSingleAsync();
    }

    [Theory]
    [InlineData("thesis.txt")]
    [InlineData("part-3-of-2")]
    [InlineData("part-")]
    [InlineData(".part-x.layerswap-partial")]
    public async Task Foreign_files_among_the_parts_are_named_before_any_work(string name)
    {
        await WorkAsync(2);
        File.WriteAllText(Path.Combine(Root, name), "the only copy");
        string[] before = Folders.Snapshot(_temp["place"]);
        string error = await RefusedAsync(() => Saved().AssembleAsync(Output));
        Assert.Contains(Root, error, StringComparison.Ordinal);
        Assert.Contains("which is not LayerSwap's", error, StringComparison.Ordinal);
        Assert.Equal(before, Folders.Snapshot(_temp["place"]));

        File.Delete(Path.Combine(Root, name));
        await Saved().AssembleAsync(Output);
        await RequireSingleAsync();
    }

    [Theory]
    [InlineData(null)]
    [InlineData("{}")]
    public async Task An_existing_output_is_rejected_before_any_work_or_replaced_at_the_end_if_allowed(string? record)
    {
        Directory.CreateDirectory(Output);
        File.WriteAllText(Path.Combine(Output, "config.json"), """{"model_type": "llama"}""");
        if (record is not null)
        {
            File.WriteAllText(Path.Combine(Output, "layerswap.json"), record);
        }

        string[] before = Folders.Snapshot(_temp["place"]), old = Folders.Snapshot(Output);
        foreach (Func<Task> attempt in
            (Func<Task>[])[() => Saved().ExecutePartAsync(Output, MergePart.Of(1, 2)), () => Saved().AssembleAsync(Output)])
        {
            Assert.Contains($"{Output} exists and is not empty", await RefusedAsync(attempt), StringComparison.Ordinal);
            Assert.Equal(before, Folders.Snapshot(_temp["place"]));
        }

        SaveOptions overwrite = new() { Overwrite = true };
        await WorkAsync(2, overwrite);
        Assert.Equal(old, Folders.Snapshot(Output));
        Assert.Contains("exists and is not empty", await RefusedAsync(() => Saved().AssembleAsync(Output)), StringComparison.Ordinal);
        Assert.Equal(old, Folders.Snapshot(Output));
        await Saved().AssembleAsync(Output, overwrite);
        await RequireSingleAsync();
    }

    [Fact]
    public async Task An_output_created_between_parts_is_not_replaced()
    {
        await WorkAsync(2);
        Directory.CreateDirectory(Output);
        await Saved().ExecutePartAsync(Output, MergePart.Of(1, 2));
        File.WriteAllText(Path.Combine(Output, "NOTICE"), "mine");
        string[] before = Folders.Snapshot(_temp["place"]);
        Assert.Contains("exists and is not empty", await RefusedAsync(() => Saved().AssembleAsync(Output)), StringComparison.Ordinal);
        Assert.Equal(before, Folders.Snapshot(_temp["place"]));
    }

    [Fact]
    public async Task An_output_that_is_an_input_is_rejected()
    {
        MergePlan plan = Saved();
        string[] before = Folders.Snapshot(_temp.Path);
        foreach (string output in (string[])[_temp["m1"], _temp["m1", "inside"], _temp.Path])
        {
            foreach (Func<Task> attempt in
                (Func<Task>[])[
                    () => plan.ExecutePartAsync(output, MergePart.Of(1, 2), new() { Overwrite = true }),
                    () => plan.AssembleAsync(output, new() { Overwrite = true })])
            {
                Assert.Contains("Inputs are never changed", await RefusedAsync(attempt), StringComparison.Ordinal);
                Assert.Equal(before, Folders.Snapshot(_temp.Path));
            }
        }
    }

    [Fact]
    public async Task Parts_of_a_finished_output_are_executed_again_if_it_is_damaged_or_inputs_changed()
    {
        await WorkAsync(2);
        await Saved().AssembleAsync(Output);
        Assert.Equal(0, (await Saved().ExecutePartAsync(Output, MergePart.Of(1, 2))).Tensors);

        string input = _temp["m1", "model.safetensors"];
        byte[] bytes = File.ReadAllBytes(input);
        for (int i = bytes.Length / 2; i < bytes.Length; i++)
        {
            // The lowest bits of BF16.
            bytes[i] ^= (byte)(1 - (i & 1));
        }

        File.WriteAllBytes(input, bytes);
        SaveOptions overwrite = new() { Overwrite = true };
        Assert.Contains(
            "exists and is not empty",
            await RefusedAsync(() => Saved().ExecutePartAsync(Output, MergePart.Of(2, 2))),
            StringComparison.Ordinal);
        await WorkAsync(2, overwrite);
        await Saved().AssembleAsync(Output, overwrite);
        await Saved().ExecuteAsync(_temp["fresh", "out"]);
        Folders.RequireSame(_temp["fresh", "out"], Output);
    }
}
