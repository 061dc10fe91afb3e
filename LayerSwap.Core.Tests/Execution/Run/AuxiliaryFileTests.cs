using LayerSwap.Checkpoints;
using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Execution;

/// <summary>
/// Tests that a merged folder differs from a copied one only in the weights, the configuration changes, the card and the manifest.
/// </summary>
public sealed class AuxiliaryFileTests : IDisposable
{
    private static readonly string[] Odd =
    [
        "modules.json", "1_Pooling/config.json", "sentence_bert_config.json", "tekken.json", "normalizer.json", "source.spm", "Notice.txt",
        "additional_chat_templates/tool use.jinja", "modeling_own.py", "own/code.py", "a b.txt", "\u00e9\U0001F600.json",
        ".gitattributes", "empty", "deep/er/still/file.txt", "params.json", "images/logo.png", "vocab.txt", "merges_2.txt",
        "preprocessor/config.json", "x.jsonl", "-dash", "LICENSE.TXT", "generation_config.json", "tokenizer.model",
    ];

    private static readonly string[] Left =
    [
        "optimizer.pt", "scheduler.pt", "rng_state_0.pth", "training_args.bin", "trainer_state.json", "pytorch_model.bin",
        "pytorch_model.bin.index.json", "model.gguf", "onnx/model.onnx", "checkpoint-10/config.json", "runs/events",
        "adapter_model.safetensors",
        "adapter_config.json", "consolidated.safetensors", ".git/HEAD", "events.out.tfevents.1", "train.log", "all_results.json",
    ];

    private readonly TempFolder _temp = new(inMemory: true);

    public void Dispose() => _temp.Dispose();

    [Fact]
    public async Task All_files_are_copied_except_weights_states_and_logs_which_are_listed()
    {
        Noise noise = new(77);
        for (int round = 0; round < 20; round++)
        {
            string model = _temp[$"in{round}"], output = _temp[$"out{round}"];
            Folders.Save(SmallModels.Of("m", DType.Float32, ("model.layers.0.w", [2, 2], [1, 2, 3, 4])), model);
            File.Delete(Path.Combine(model, "layerswap.json"));
            File.WriteAllText(Path.Combine(model, "config.json"), """{"model_type": "own"}""");
            string[] copied = [.. Odd.Where(_ => noise.Below(2) == 0)], left = [.. Left.Where(_ => noise.Below(2) == 0)];
            foreach (string name in copied.Concat(left))
            {
                string path = Path.Combine(model, name);
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                File.WriteAllText(
                    path, name == "empty" ? "" : name.EndsWith("generation_config.json", StringComparison.Ordinal) ? "{}" : "of " + name);
            }

            using ICheckpoint opened = Checkpoint.Open(model);
            MergePlan plan = Merge.Soup(opened).Plan();
            await plan.ExecuteAsync(output, new() { Durable = round % 5 == 0 });
            Assert.Equal(copied.Concat(["config.json", "model.safetensors", "README.md", "layerswap.json"]).Order(StringComparer.Ordinal),
                Directory.EnumerateFiles(
                    output, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None })
                    .Select(f => Path.GetRelativePath(output, f))
                    .Order(StringComparer.Ordinal));
            Assert.All(
                copied.Append("config.json"),
                name => Assert.Equal(File.ReadAllBytes(Path.Combine(model, name)), File.ReadAllBytes(Path.Combine(output, name))));
            string listed = string.Join('\n', plan.Warnings);
            Assert.Equal(left.Length > 0, listed.Contains("Not copied from", StringComparison.Ordinal));
            Assert.True(left.Length > 8 || left.All(l => listed.Contains(l.Split('/')[0], StringComparison.Ordinal)), listed);
            Assert.True((await Checkpoint.VerifyAsync(output)).Ok);

            // The output can be replaced, resumed as complete, and removed completely.
            await plan.ExecuteAsync(output, new() { Durable = false, Overwrite = true });
            await plan.ExecuteAsync(output, new() { Durable = false, Resume = true });
            Assert.True((await Checkpoint.VerifyAsync(output)).Ok);
        }
    }

    [Fact]
    public async Task An_interrupted_run_leaves_no_folder()
    {
        string model = _temp["in"], output = _temp["out"];
        Folders.Save(SmallModels.Of("m", DType.Float32, ("model.layers.0.w", [2, 2], [1, 2, 3, 4])), model);
        Directory.CreateDirectory(Path.Combine(model, "1_Pooling", "inner"));
        File.WriteAllText(Path.Combine(model, "1_Pooling", "inner", "config.json"), "{}");
        for (int call = 1; ; call++)
        {
            using ICheckpoint opened = Checkpoint.Open(model);
            try
            {
                await Merge.Soup(opened).SaveAsync(
                    output, new SaveOptions { Files = new Faults.CountingFiles(Faults.Fault.NoSpace, call) });
                break;
            }
            catch (OutputException)
            {
                Assert.False(
                    Directory.Exists(output)
                        && Directory.EnumerateFileSystemEntries(output).Any()
                        && !(await Checkpoint.VerifyAsync(output)).Ok,
                    $"call {call}");
                Merge.DeletePartialOutput(output);
                Assert.Null(Merge.FindPartialOutput(output));
                if (Directory.Exists(output))
                {
                    Directory.Delete(output, recursive: true);
                }
            }
        }

        Assert.True(File.Exists(Path.Combine(output, "1_Pooling", "inner", "config.json")));
    }

    [LinuxFact]
    public void A_file_name_that_is_not_utf8_is_rejected_and_named()
    {
        string model = _temp["in"];
        Folders.Save(SmallModels.Of("m", DType.Float32, ("w", [1], [1])), model);
        Faults.Outside.Run("sh", "-c", $"touch \"$(printf '{model}/a\\377b.txt')\"");
        using ICheckpoint opened = Checkpoint.Open(model);
        Assert.Contains(
            "a name that is not UTF-8", Assert.Throws<MergeException>(() => Merge.Soup(opened).Plan()).Message, StringComparison.Ordinal);
        // .NET cannot remove it either.
        Faults.Outside.Run("rm", "-r", model);
    }

    [Fact]
    public void A_second_model_in_the_folder_is_not_copied()
    {
        string model = _temp["in"];
        Folders.Save(SmallModels.Of("m", DType.Float32, ("w", [1], [1])), model);
        Folders.Save(SmallModels.Of("n", DType.Float32, ("w", [1], [1])), Path.Combine(model, "draft"));
        File.WriteAllText(Path.Combine(model, "draft", "config.json"), """{"model_type": "own"}""");
        using ICheckpoint opened = Checkpoint.Open(model);
        Assert.DoesNotContain(AuxiliaryFiles.ListCopied(opened), n => n.StartsWith("draft/", StringComparison.Ordinal));
        Assert.Contains("draft/", AuxiliaryFiles.ListExcluded(opened));
    }
}
