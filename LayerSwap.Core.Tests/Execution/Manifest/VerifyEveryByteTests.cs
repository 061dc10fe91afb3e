using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Execution;

/// <summary>Verifying covers every byte of an output folder.</summary>
public sealed class VerifyEveryByteTests : IDisposable
{
    private readonly TempFolder _temp = new(inMemory: true);

    public void Dispose() => _temp.Dispose();

    [Theory]
    [InlineData(1_000_000)]
    [InlineData(30_000)]
    public async Task Each_of_a_thousand_random_bit_flips_is_detected(long shardSize)
    {
        await SaveAsync(shardSize);
        Random random = new(3);
        string[] files = Directory.GetFiles(_temp["out"]);
        long[] ends = new long[files.Length];
        long total = 0;
        for (int i = 0; i < files.Length; i++)
        {
            ends[i] = total += new FileInfo(files[i]).Length;
        }

        for (int n = 0; n < 500; n++)
        {
            // Every second flip is in a small file, which random offsets would miss.
            long at = random.NextInt64(total);
            string file = n % 2 == 0 ? files[Array.FindIndex(ends, e => at < e)] : files[random.Next(files.Length)];
            byte[] bytes = File.ReadAllBytes(file);
            int place = random.Next(bytes.Length), bit = random.Next(8);
            bytes[place] ^= (byte)(1 << bit);
            File.WriteAllBytes(file, bytes);
            VerifyReport report = await Checkpoint.VerifyAsync(_temp["out"]);
            Assert.False(report.Ok, $"Bit {bit} of byte {place} of {Path.GetFileName(file)} was flipped, and not seen.");
            bytes[place] ^= (byte)(1 << bit);
            File.WriteAllBytes(file, bytes);
        }

        Assert.True((await Checkpoint.VerifyAsync(_temp["out"])).Ok);
    }

    [Fact]
    public async Task Every_missing_empty_or_changed_file_is_named_by_verify_and_resume()
    {
        MergePlan plan = await SaveAsync(40_000);
        foreach (string file in Directory.GetFiles(_temp["out"]))
        {
            byte[] bytes = File.ReadAllBytes(file);
            foreach (Action change in
                (Action[])[() => File.Delete(file), () => File.WriteAllBytes(file, []), () => File.WriteAllBytes(file, [.. bytes, 32])])
            {
                change();
                VerifyReport report = await Checkpoint.VerifyAsync(_temp["out"]);
                Assert.Contains(report.Problems, p => p.Message.Contains(Path.GetFileName(file), StringComparison.Ordinal));
                OutputException error =
                    await Assert.ThrowsAsync<OutputException>(() => plan.ExecuteAsync(_temp["out"], new() { Resume = true }));
                Assert.True(error.Refused, error.Message);
                File.WriteAllBytes(file, bytes);
            }
        }

        await plan.ExecuteAsync(_temp["out"], new() { Resume = true });
    }

    [Fact]
    public async Task Files_not_in_the_manifest_are_named_and_are_errors_if_a_loader_reads_them()
    {
        await SaveAsync(1_000_000);
        File.WriteAllText(_temp["out", "notes.md"], "mine");
        VerifyReport report = await Checkpoint.VerifyAsync(_temp["out"]);
        Assert.True(report.Ok);
        Assert.Equal(["notes.md"], report.Unrecorded);
        Assert.Contains("notes.md", report.ToString(), StringComparison.Ordinal);
        Directory.CreateDirectory(_temp["out", "additional_chat_templates"]);
        File.WriteAllText(_temp["out", "additional_chat_templates", "tool.jinja"], "{}");
        Assert.Contains(
            "additional_chat_templates",
            Assert.Single((await Checkpoint.VerifyAsync(_temp["out"])).Problems).Message,
            StringComparison.Ordinal);
        Directory.Delete(_temp["out", "additional_chat_templates"], recursive: true);
        File.WriteAllText(_temp["out", "added_tokens.json"], "{}");
        Assert.Contains(
            "added_tokens.json", Assert.Single((await Checkpoint.VerifyAsync(_temp["out"])).Problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_input_with_other_contents_and_the_same_size_is_detected_on_resume()
    {
        MergePlan plan = await SaveAsync(1_000_000);
        string input = _temp["m0", "model.safetensors"];
        DateTime time = File.GetLastWriteTimeUtc(input);
        byte[] bytes = File.ReadAllBytes(input);
        bytes[^3] ^= 0x20;
        File.WriteAllBytes(input, bytes);
        File.SetLastWriteTimeUtc(input, time);
        using ICheckpoint again = Checkpoint.Open(_temp["m0"]), other = Checkpoint.Open(_temp["m1"]);
        OutputException error = await Assert.ThrowsAsync<OutputException>(
            () => Merge.Soup(again, other).InShardsOf(1_000_000).Plan().ExecuteAsync(_temp["out"], new() { Resume = true }));
        Assert.Contains("exists and is not empty", error.Message, StringComparison.Ordinal);
    }

    private async Task<MergePlan> SaveAsync(long shardSize)
    {
        ICheckpoint[] models = [.. Enumerable.Range(0, 2).Select(i =>
        {
            Folders.Save(SmallModels.Llama($"m{i}", i, layers: 2), _temp[$"m{i}"]);
            File.Delete(_temp[$"m{i}", "layerswap.json"]);
            File.WriteAllText(_temp[$"m{i}", "config.json"], """{"model_type": "llama", "num_hidden_layers": 2}""");
            File.WriteAllText(_temp[$"m{i}", "generation_config.json"], "{}");
            File.WriteAllText(_temp[$"m{i}", "tokenizer.json"], """{"model": {"vocab": {"a": 0, "b": 1}}}""");
            return Checkpoint.Open(_temp[$"m{i}"]);
        })];
        MergePlan plan = Merge.Soup(models).InShardsOf(shardSize).Plan();
        await plan.ExecuteAsync(_temp["out"]);
        return plan;
    }
}
