using System.Text.Json;

namespace LayerSwap.Tests.Cli;

public sealed class SwapCommandTests : IClassFixture<SwapCommandTests.Swapped>
{
    private static readonly string[] Experts = ["swap", "--task", Fixture.Set1("math"), "--language", Fixture.Set1("sahili")];

    private readonly Swapped _swapped;

    public SwapCommandTests(Swapped swapped) => _swapped = swapped;

    [Fact]
    public void Verify_accepts_what_swap_writes()
    {
        JsonElement json = Tool.Succeed("verify", _swapped.Output, "--json").Json;

        Assert.Equal(["path", "ok", "files", "tensors", "bytes", "hasRecord", "problems", "unrecorded"], json.Members());
        Assert.Equal(_swapped.Output, json.Text("path"));
        Assert.True(json.GetProperty("ok").GetBoolean());
        Assert.True(json.GetProperty("hasRecord").GetBoolean());
        Assert.Equal((1, 75), (json.Whole("files"), json.Whole("tensors")));
        Assert.Equal(new FileInfo(Path.Combine(_swapped.Output, "model.safetensors")).Length, json.Whole("bytes"));
        Assert.Empty(json.Items("problems"));
    }

    [Fact]
    public void Outer_layers_come_from_the_language_expert_and_middle_layers_from_the_task_expert()
    {
        using ICheckpoint task = Checkpoint.Open(Fixture.Set1("math")),
            language = Checkpoint.Open(Fixture.Set1("sahili")),
            merged = Checkpoint.Open(_swapped.Output);
        LayerMap map = LayerMap.Of(merged.Tensors);

        foreach (TensorInfo tensor in merged.Tensors)
        {
            byte[] expected = map[tensor.Name].Layer switch
            {
                0 or 6 or 7 => SmallModels.Bytes(language, tensor.Name),
                2 or 3 or 4 => SmallModels.Bytes(task, tensor.Name),
                _ => SmallModels.Encode(
                    tensor.DType,
                    [.. SmallModels.Values(task, tensor.Name).Zip(SmallModels.Values(language, tensor.Name), (t, l) => (t + l) / 2)]),
            };
            Assert.True(expected.AsSpan().SequenceEqual(SmallModels.Bytes(merged, tensor.Name)), tensor.Name);
        }
    }

    [Fact]
    public void Config_vocabulary_card_and_manifest_are_in_the_output_folder()
    {
        Assert.Equal(["README.md", "config.json", "layerswap.json", "model.safetensors", "vocab.json"], Folders.Names(_swapped.Output));
        foreach (string file in (string[])["config.json", "vocab.json"])
        {
            Assert.Equal(
                File.ReadAllBytes(Path.Combine(Fixture.Set1("math"), file)), File.ReadAllBytes(Path.Combine(_swapped.Output, file)));
        }
    }

    [Fact]
    public void The_result_is_one_line_on_stdout_and_stderr_is_empty_when_quiet()
    {
        Assert.Equal("", _swapped.Run.Error);
        Assert.StartsWith("75 tensors, 1.27 MB in ", _swapped.Run.Out, StringComparison.Ordinal);
        Assert.EndsWith($": {_swapped.Output}\n", _swapped.Run.Out, StringComparison.Ordinal);
        Assert.Equal(1, _swapped.Run.Out.Count(c => c == '\n'));
    }

    [Fact]
    public void Redirected_output_has_no_control_codes_and_shows_the_plan_first()
    {
        using TempFolder folder = new();
        ToolRun run = Tool.Succeed([.. Experts, "--bottom", "1", "--top", "1", "-o", folder["out"]]);

        Assert.DoesNotContain('\u001b', run.Out + run.Error);
        Assert.DoesNotContain('\r', run.Out + run.Error);
        Assert.Contains("layers 2-5", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_non_empty_folder_is_rejected_unchanged_and_overwritten_on_request()
    {
        using TempFolder folder = new();
        Directory.CreateDirectory(folder["out"]);
        File.WriteAllText(folder["out", "NOTICE"], "mine");
        File.WriteAllText(folder["out", "config.json"], """{"model_type": "llama"}""");
        string[] before = Folders.Snapshot(folder.Path), arguments = [.. Experts, "--bottom", "1", "--top", "1", "-o", folder["out"]];

        string error = Tool.Fail(2, arguments);
        Assert.Contains("is not empty", error, StringComparison.Ordinal);
        Assert.Equal(before, Folders.Snapshot(folder.Path));

        Tool.Succeed([.. arguments, "--overwrite"]);
        Assert.Equal(["out"], Folders.Names(folder.Path));
        Assert.DoesNotContain("NOTICE", Folders.Names(folder["out"]), StringComparer.Ordinal);
        Assert.Contains("model.safetensors", Folders.Names(folder["out"]), StringComparer.Ordinal);
    }

    [Fact]
    public void An_empty_folder_is_accepted_as_output()
    {
        using TempFolder folder = new();
        Tool.Succeed([.. Experts, "--preset", "paper-scaled", "-o", folder.Path + "/"]);

        Assert.Contains("model.safetensors", Folders.Names(folder.Path), StringComparer.Ordinal);
    }

    [Fact]
    public void A_dry_run_shows_the_plan_and_writes_nothing()
    {
        using TempFolder folder = new();
        ToolRun run = Tool.Succeed([.. Experts, "--bottom", "1", "--top", "2", "--dry-run", "-o", folder["out"]]);

        Assert.Contains("layers 2-4", run.Out, StringComparison.Ordinal);
        Assert.Contains("layers 6-7", run.Out, StringComparison.Ordinal);
        Assert.Equal("", run.Error);
        Assert.Empty(Folders.Names(folder.Path));
    }

    [Fact]
    public void Each_policy_applies_to_its_own_tensors_outside_the_layers()
    {
        using TempFolder folder = new();
        Tool.Succeed([
            .. Experts, "--base", Fixture.Set1("base"), "--bottom", "1", "--top", "1", "--embeddings", "task", "--norm", "language",
            "--head", "base", "-o", folder["out"]]);

        using ICheckpoint merged = Checkpoint.Open(folder["out"]);
        foreach ((string tensor, string model) in
            ((string, string)[])[("model.embed_tokens.weight", "math"), ("model.norm.weight", "sahili"), ("lm_head.weight", "base")])
        {
            using ICheckpoint expected = Checkpoint.Open(Fixture.Set1(model));
            Assert.Equal(SmallModels.Bytes(expected, tensor), SmallModels.Bytes(merged, tensor));
        }
    }

    [Fact]
    public void Weights_and_dtype_are_applied()
    {
        using TempFolder folder = new();
        Tool.Succeed(
            [.. Experts, "--bottom", "1", "--top", "1", "--weights", "0.7,0.3", "--dtype", "f32", "--threads", "1", "-o", folder["out"]]);

        using ICheckpoint task = Checkpoint.Open(Fixture.Set1("math")),
            language = Checkpoint.Open(Fixture.Set1("sahili")),
            merged = Checkpoint.Open(folder["out"]);
        Assert.All(merged.Tensors, t => Assert.Equal(DType.Float32, t.DType));
        const string transition = "model.layers.1.mlp.up_proj.weight";
        double[] expected =
            [.. SmallModels.Values(task, transition).Zip(SmallModels.Values(language, transition), (t, l) => (0.7 * t) + (0.3 * l))];
        Assert.All(expected.Zip(SmallModels.Values(merged, transition)), pair => Assert.Equal(pair.First, pair.Second, 1e-7));
        Assert.Equal("float32", ToolRun.Parse(File.ReadAllText(folder["out", "config.json"])).Text("torch_dtype"));
        Assert.True(Tool.Succeed("verify", folder["out"], "--json").Json.GetProperty("ok").GetBoolean());
    }

    [Theory]
    [InlineData("--bottom", "5", "--top", "2", "--transition", "1")]
    [InlineData("--bottom", "8", "--top", "1", "--transition", "0")]
    public void More_layers_than_the_model_has_is_bad_input(params string[] numbers)
    {
        using TempFolder folder = new();
        string error = Tool.Fail(3, [.. Experts, .. numbers, "-o", folder["out"]]);

        Assert.Contains("make 9 layers, but the model has 8", error, StringComparison.Ordinal);
        Assert.Empty(Folders.Names(folder.Path));
    }

    [Fact]
    public void All_layers_can_be_swapped_and_a_note_explains_the_defaults_for_other_depths()
    {
        ToolRun run = Tool.Run(["plan", .. Experts, "--top", "0"], folder: null);

        Assert.Equal(0, run.Exit);
        Assert.StartsWith("note: the defaults are the paper's for 32 layers; this model has 8.", run.Error, StringComparison.Ordinal);
        Assert.Equal("", Tool.Succeed(["plan", .. Experts, "--top", "0", "--quiet"]).Error);
        Assert.Contains(
            "take", Tool.Succeed(["plan", .. Experts, "--bottom", "6", "--top", "2", "--transition", "0"]).Out, StringComparison.Ordinal);
    }

    [LinuxFact]
    public void An_unwritable_output_path_is_an_io_error() =>
        Assert.Contains(
            "could not be written",
            Tool.Fail(4, [.. Experts, "--bottom", "1", "--top", "1", "-o", "/proc/layerswap-test/out"]),
            StringComparison.Ordinal);

    [Fact]
    public void An_output_inside_an_input_or_under_a_file_is_rejected()
    {
        using TempFolder folder = new();
        File.WriteAllText(folder["file"], "mine");
        string task = Folders.CopyDemo("math", folder["task"]);
        string[] before = Folders.Snapshot(folder.Path),
            swap = ["swap", "--task", task, "--language", Fixture.Set1("sahili"), "--bottom", "1", "--top", "1", "--overwrite"];

        Assert.Contains("Inputs are never changed", Tool.Fail(2, [.. swap, "-o", Path.Combine(task, "out")]), StringComparison.Ordinal);
        Assert.Contains("Inputs are never changed", Tool.Fail(2, [.. swap, "-o", task]), StringComparison.Ordinal);
        Assert.Contains("is a file", Tool.Fail(2, [.. swap, "-o", folder["file"]]), StringComparison.Ordinal);
        Assert.Equal(before, Folders.Snapshot(folder.Path));
    }

    /// <summary>
    /// Layer 0 and the last two layers from the language expert, with one averaged layer at each border. Shared by all tests of this class.
    /// </summary>
    public sealed class Swapped : IDisposable
    {
        private readonly TempFolder _folder = new();

        public Swapped() => Run = Tool.Succeed([.. Experts, "--bottom", "1", "--top", "2", "--quiet", "-o", Output]);

        internal ToolRun Run { get; }

        public string Output => _folder["math-sahili"];

        public void Dispose() => _folder.Dispose();
    }
}
