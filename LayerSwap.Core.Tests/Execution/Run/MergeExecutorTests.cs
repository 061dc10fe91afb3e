using System.Text.Json;

namespace LayerSwap.Tests.Execution;

/// <summary>A save leaves a complete output or no files.</summary>
public sealed class MergeExecutorTests : IDisposable
{
    private readonly TempFolder _temp = new();

    public void Dispose() => _temp.Dispose();

    [Fact]
    public async Task Everything_a_model_needs_is_in_the_folder()
    {
        using ICheckpoint math = Checkpoint.Open(Fixture.Set1("math")), sahili = Checkpoint.Open(Fixture.Set1("sahili"));
        MergeResult result = await Merge.LayerSwap(math, sahili, 1, 1, 1).SaveAsync(_temp["out"]);
        Assert.Equal(["README.md", "config.json", "layerswap.json", "model.safetensors", "vocab.json"], Names(_temp["out"]));
        Assert.Equal(Names(_temp["out"]), result.Files.Order(StringComparer.Ordinal));
        Assert.Equal(File.ReadAllBytes(Path.Combine(Fixture.Set1("math"), "config.json")), File.ReadAllBytes(_temp["out", "config.json"]));
        using ICheckpoint merged = Checkpoint.Open(_temp["out"]);
        Assert.Equal("pt", merged.Metadata["format"]);
        Assert.Equal(math.Tensors, merged.Tensors);
        Assert.Equal(["out"], Directory.EnumerateFileSystemEntries(_temp.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task The_manifest_has_one_weight_per_use_of_a_model()
    {
        ICheckpoint model = SmallModels.Llama("m", 0, layers: 1);
        await Merge.WithoutBase().With(model, 0.3).With(model, 0.7).Using(MergeStrategies.Linear()).SaveAsync(_temp["out"]);
        using JsonDocument record = JsonDocument.Parse(File.ReadAllText(_temp["out", "layerswap.json"]));
        Assert.Equal(
            [(0, "0.3"), (1, "0.7")],
            record.RootElement.GetProperty("inputs")
                .EnumerateArray()
                .Select(i => (i.GetProperty("source").GetInt32(), i.GetProperty("weight").GetString()!)));
    }

    [Fact]
    public async Task Non_finite_input_values_are_counted_by_tensor_and_model_or_rejected()
    {
        double[] values = [.. Enumerable.Range(0, 300_000).Select(i => i % 1000 / 8.0)];
        ICheckpoint a = SmallModels.Of("a", DType.Float32, ("w", [3, 100_000], [double.NaN, .. values[1..]]), ("v", [2], [1, 2]));
        ICheckpoint b = SmallModels.Of(
            "b",
            DType.Float32,
            ("w", [3, 100_000], [.. values[..^2], double.NegativeInfinity, double.PositiveInfinity]),
            ("v", [2], [3, 4]));
        foreach (MergeBuilder builder in
            new[] { Merge.Soup(a, b), Merge.Onto(a).With(b).Using(MergeStrategies.Della(new() { Density = 0.5 })) })
        {
            MergeResult result = await builder.SaveAsync(_temp["out"], new SaveOptions { Overwrite = true });
            Assert.Equal([("w", "a", 1L), ("w", "b", 2L)], result.NonFinite.Select(n => (n.Tensor, n.Model, n.Count)));
            MergeException e =
                await Assert.ThrowsAsync<MergeException>(() => builder.SaveAsync(_temp["no"], new SaveOptions { RefuseNonFinite = true }));
            Assert.Contains("w of", e.Message, StringComparison.Ordinal);
            Assert.False(Directory.Exists(_temp["no"]));
        }
    }

    [Theory]
    [InlineData(DType.Float32, DType.Float16, 1.2e5, 2)]
    [InlineData(DType.Float32, DType.Float8E4M3, 1000, 2)]
    [InlineData(DType.Float64, DType.Float32, 1e39, 2)]
    [InlineData(DType.BFloat16, DType.Float16, 1e5, 2)]
    [InlineData(DType.BFloat16, DType.BFloat16, 3e38, 0)]
    public async Task Overflowing_results_are_counted_or_rejected(DType from, DType to, double large, int converted)
    {
        double[] values = [.. Enumerable.Range(0, 70_000).Select(i => i % 8 / 8.0)];
        (values[3], values[69_998]) = (large, -large);
        ICheckpoint a = SmallModels.Of("a", from, ("w", [70_000], [.. values[..5], double.NaN, .. values[6..]])),
            b = SmallModels.Of("b", from, ("w", [70_000], values));
        MergeBuilder conversion = Merge.Onto(a).As(to, force: true),
            sum = Merge.WithoutBase().With(a).With(b).Using(MergeStrategies.Linear(new() { Normalize = false })).As(to, force: true);
        foreach ((MergeBuilder builder, int count) in new[] { (conversion, converted), (sum, 2) })
        {
            MergeResult result = await builder.SaveAsync(_temp["out"], new SaveOptions { Overwrite = true });
            Assert.Equal(count == 0 ? [] : [("w", to, (long)count)], result.Overflows.Select(o => (o.Tensor, o.DType, o.Count)));
        }

        MergeException e = await Assert.ThrowsAsync<MergeException>(
            () => Merge.Soup(b, b).Using(MergeStrategies.Linear(new() { Normalize = false })).As(to, force: true).SaveAsync(
                _temp["no"], new SaveOptions { RefuseNonFinite = true }));
        Assert.Contains("too large for " + to.Code(), e.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_temp["no"]));
    }

    [Fact]
    public async Task Checksums_in_the_manifest_are_computed_as_documented()
    {
        byte[] bytes = [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i * 31 / 7))];
        await Merge.Onto(Checkpoint.InMemory("m", [(new TensorInfo("w", DType.UInt8, new TensorShape(300_000)), bytes)]))
            .SaveAsync(_temp["out"]);
        using JsonDocument record = JsonDocument.Parse(File.ReadAllText(_temp["out", "layerswap.json"]));
        byte[] sections = new byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(
            sections, System.IO.Hashing.XxHash64.HashToUInt64(bytes.AsSpan(0, 262_144)));
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(
            sections.AsSpan(8), System.IO.Hashing.XxHash64.HashToUInt64(bytes.AsSpan(262_144)));
        Assert.Equal(
            System.IO.Hashing.XxHash64.HashToUInt64(sections).ToString("x16", System.Globalization.CultureInfo.InvariantCulture),
            record.RootElement.GetProperty("tensors")[0].GetProperty("xxh64").GetString());
        Assert.Contains("262144", record.RootElement.GetProperty("checksum").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(VocabularyPolicy.Truncate, 2)]
    [InlineData(VocabularyPolicy.Pad, 3)]
    public async Task The_vocabulary_size_in_the_config_is_the_row_count_of_the_embedding(VocabularyPolicy policy, int rows)
    {
        ICheckpoint Model(string name, int tokens)
        {
            ICheckpoint model = SmallModels.Of(
                name, DType.Float32, ("model.embed_tokens.weight", [tokens, 1], new double[tokens]), ("model.layers.0.w.weight", [1], [1]));
            Cli.Folders.Save(model, _temp[name]);
            File.WriteAllText(_temp[name, "config.json"], $$"""{"vocab_size": {{tokens}}}""");
            return Checkpoint.Open(_temp[name]);
        }

        using ICheckpoint small = Model("small", 2), large = Model("large", 3);
        foreach (ICheckpoint donor in (ICheckpoint[])[small, large])
        {
            await Merge.Soup(donor, donor == small ? large : small).Vocabulary(policy).SaveAsync(_temp["out"], new() { Overwrite = true });
            using JsonDocument config = JsonDocument.Parse(File.ReadAllText(_temp["out", "config.json"]));
            Assert.Equal(rows, config.RootElement.GetProperty("vocab_size").GetInt32());
        }
    }

    [Fact]
    public async Task Shards_are_filled_in_order_and_indexed()
    {
        ICheckpoint model = SmallModels.Llama("m", 0, layers: 3);
        await Merge.Onto(model).InShardsOf(10_000).SaveAsync(_temp["out"]);
        using JsonDocument index = JsonDocument.Parse(File.ReadAllText(_temp["out", "model.safetensors.index.json"]));
        Assert.Equal(model.Tensors.Sum(t => t.ByteLength), index.RootElement.GetProperty("metadata").GetProperty("total_size").GetInt64());
        string[] files = [.. model.Tensors.Select(t => index.RootElement.GetProperty("weight_map").GetProperty(t.Name).GetString()!)];
        Assert.Equal(files.Order(StringComparer.Ordinal), files);
        using ICheckpoint saved = Checkpoint.Open(_temp["out"]);
        Assert.Equal(files.Distinct(StringComparer.Ordinal).Count(), saved.Files.Count);
        Assert.All(model.Tensors, t => Assert.Equal(SmallModels.Bytes(model, t.Name), SmallModels.Bytes(saved, t.Name)));
        Assert.True((await Checkpoint.VerifyAsync(_temp["out"])).Ok);
    }

    [Fact]
    public async Task The_manifest_names_inputs_rules_and_checksums_and_is_deterministic()
    {
        using ICheckpoint math = Checkpoint.Open(Fixture.Set1("math")), sahili = Checkpoint.Open(Fixture.Set1("sahili"));
        await Merge.LayerSwap(math, sahili, 1, 1, 1).SaveAsync(_temp["one"]);
        await Merge.LayerSwap(math, sahili, 1, 1, 1).OnThreads(1).SaveAsync(_temp["two"]);
        Assert.Equal(File.ReadAllBytes(_temp["one", "layerswap.json"]), File.ReadAllBytes(_temp["two", "layerswap.json"]));
        using JsonDocument record = JsonDocument.Parse(File.ReadAllText(_temp["one", "layerswap.json"]));
        JsonElement input = record.RootElement.GetProperty("inputs")[0].GetProperty("files")[0];
        Assert.Equal(new FileInfo(Path.Combine(Fixture.Set1("math"), "model.safetensors")).Length, input.GetProperty("bytes").GetInt64());
        Assert.Equal(64, input.GetProperty("headerSha256").GetString()!.Length);
        Assert.Contains(
            "Bottom = 1", record.RootElement.GetProperty("rules")[0].GetProperty("settings").GetString(), StringComparison.Ordinal);
        Assert.Equal(75, record.RootElement.GetProperty("tensors").GetArrayLength());
    }

    [Fact]
    public async Task A_requested_dtype_is_in_the_tensors_and_in_the_configuration()
    {
        using ICheckpoint math = Checkpoint.Open(Fixture.Set1("math"));
        await Merge.Onto(math).As(DType.Float32).SaveAsync(_temp["out"]);
        using ICheckpoint saved = Checkpoint.Open(_temp["out"]);
        Assert.All(saved.Tensors, t => Assert.Equal(DType.Float32, t.DType));
        Assert.All(math.Tensors, t => Assert.Equal(SmallModels.Values(math, t.Name), SmallModels.Values(saved, t.Name)));
        using JsonDocument config = JsonDocument.Parse(File.ReadAllText(_temp["out", "config.json"]));
        Assert.Equal("float32", config.RootElement.GetProperty("torch_dtype").GetString());
        Assert.Equal(8, config.RootElement.GetProperty("num_hidden_layers").GetInt32());
    }

    [Fact]
    public async Task Integer_tensors_are_copied_if_equal_and_rejected_by_name_otherwise()
    {
        ICheckpoint Model(string name, byte value) =>
            Checkpoint.InMemory(
                name,
                [(
                    new TensorInfo("position_ids", DType.Int64, new TensorShape(2)),
                    new byte[16].Select((_, i) => i == 3 ? value : (byte)0).ToArray())]);
        await Merge.Soup(Model("a", 1), Model("b", 1)).SaveAsync(_temp["out"]);
        MergeException e =
            await Assert.ThrowsAsync<MergeException>(() => Merge.Soup(Model("a", 1), Model("b", 2)).SaveAsync(_temp["other"]));
        Assert.Contains("position_ids", e.Message, StringComparison.Ordinal);
        Assert.Equal(["out"], Directory.EnumerateFileSystemEntries(_temp.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_cancelled_save_leaves_no_files_and_no_parent_folders()
    {
        using CancellationTokenSource stop = new();
        CountingCheckpoint model =
            new(SmallModels.Llama("m", 0, layers: 30)) { OnRead = read => { if (read > 100_000) { stop.Cancel(); } } };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Merge.Onto(model).SaveAsync(_temp["a", "b", "out"], cancellationToken: stop.Token));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_temp.Path));
    }

    [Fact]
    public async Task A_failed_save_leaves_no_files_and_the_old_output_unchanged()
    {
        Directory.CreateDirectory(_temp["out"]);
        File.WriteAllText(_temp["out", "model.safetensors"], "old");
        CountingCheckpoint broken =
            new(SmallModels.Llama("m", 0)) { OnRead = read => { if (read > 10_000) { throw new IOException("the disk is gone"); } } };
        IOException e = await Assert.ThrowsAsync<IOException>(() => Merge.Onto(broken).SaveAsync(_temp["out"], new() { Overwrite = true }));
        Assert.StartsWith("m could not be read at tensor ", e.Message, StringComparison.Ordinal);
        Assert.Contains("the disk is gone. Nothing was published. Remedy: ", e.Message, StringComparison.Ordinal);
        Assert.Equal("old", File.ReadAllText(_temp["out", "model.safetensors"]));
        Assert.Equal(["out"], Directory.EnumerateFileSystemEntries(_temp.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_non_empty_folder_is_rejected_unless_overwriting()
    {
        ICheckpoint model = SmallModels.Llama("m", 0);
        Directory.CreateDirectory(_temp["out"]);
        File.WriteAllText(_temp["out", "model.safetensors"], "old");
        Assert.True((await Assert.ThrowsAsync<OutputException>(() => Merge.Onto(model).SaveAsync(_temp["out"]))).Refused);
        Assert.Equal(["model.safetensors"], Names(_temp["out"]));
        await Merge.Onto(model).SaveAsync(_temp["out"], new() { Overwrite = true });
        Assert.Equal(["README.md", "layerswap.json", "model.safetensors"], Names(_temp["out"]));
        Assert.Equal(["out"], Directory.EnumerateFileSystemEntries(_temp.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task An_output_that_is_inside_or_contains_an_input_is_rejected()
    {
        await Merge.Onto(SmallModels.Llama("m", 0)).SaveAsync(_temp["models", "m"]);
        Directory.CreateSymbolicLink(_temp["link"], _temp["models", "m"]);
        using ICheckpoint model = Checkpoint.Open(_temp["models", "m"]);
        byte[] before = File.ReadAllBytes(_temp["models", "m", "model.safetensors"]);
        foreach (string path in
            (string[])[
                _temp["models", "m"], _temp["models"], _temp["models", "m", "inside"], _temp["link"], _temp["link", "inside"],
                _temp["models", "x", "..", "m"]])
        {
            OutputException e =
                await Assert.ThrowsAsync<OutputException>(() => Merge.Onto(model).SaveAsync(path, new() { Overwrite = true }));
            Assert.True(e.Refused, path);
        }

        Assert.Equal(before, File.ReadAllBytes(_temp["models", "m", "model.safetensors"]));
    }

    [Fact]
    public async Task A_leftover_staging_folder_is_named_and_left_unchanged()
    {
        using CancellationTokenSource stop = new();
        MergePlan plan = Merge.Onto(SmallModels.Llama("m", 0)).OnThreads(1).Plan();
        int read = 0;
        ICheckpoint stopping = new CountingCheckpoint(SmallModels.Llama("m", 0))
        {
            OnRead = _ =>
            {
                if (++read == 20)
                {
                    stop.Cancel();
                }
            },
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Merge.Onto(stopping).OnThreads(1).SaveAsync(_temp["out"], new() { KeepPartial = true }, stop.Token));
        string[] left = Cli.Folders.Snapshot(_temp.Path);
        Assert.Equal(_temp[".out.layerswap-partial"], Merge.FindPartialOutput(_temp["out"]));

        OutputException e = await Assert.ThrowsAsync<OutputException>(() => plan.ExecuteAsync(_temp["out"]));
        Assert.Contains(".out.layerswap-partial", e.Message, StringComparison.Ordinal);
        Assert.Contains("--resume", e.Message, StringComparison.Ordinal);
        Assert.Equal(left, Cli.Folders.Snapshot(_temp.Path));

        await plan.ExecuteAsync(_temp["out"], new() { Resume = true });
        Assert.Null(Merge.FindPartialOutput(_temp["out"]));
        await plan.ExecuteAsync(_temp["undisturbed"]);
        Assert.Equal(File.ReadAllBytes(_temp["undisturbed", "model.safetensors"]), File.ReadAllBytes(_temp["out", "model.safetensors"]));
    }

    [Fact]
    public async Task Progress_reaches_the_total_byte_count()
    {
        List<WorkProgress> reports = [];
        Recorder recorder = new(reports);
        MergePlan plan = Merge.Onto(SmallModels.Llama("m", 0)).Plan();
        await plan.ExecuteAsync(_temp["out"], new() { Progress = recorder });
        WorkProgress last = reports[^1];
        Assert.Equal((plan.ReadBytes + plan.WriteBytes, plan.ReadBytes + plan.WriteBytes), (last.BytesDone, last.BytesTotal));
        Assert.Equal(TimeSpan.Zero, last.Remaining);
        Assert.Equal(reports.Select(r => r.BytesDone).Order(), reports.Select(r => r.BytesDone));
    }

    [Fact]
    public async Task A_soup_of_one_model_with_itself_is_the_model()
    {
        ICheckpoint model = SmallModels.Llama("m", 1);
        await Merge.Soup(model, model, model).SaveAsync(_temp["out"]);
        using ICheckpoint saved = Checkpoint.Open(_temp["out"]);
        Assert.All(model.Tensors, t => Assert.Equal(SmallModels.Bytes(model, t.Name), SmallModels.Bytes(saved, t.Name)));
    }

    private static IEnumerable<string> Names(string folder) =>
        Directory.EnumerateFiles(folder).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal);

    private sealed class Recorder(List<WorkProgress> reports) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value) => reports.Add(value);
    }
}
