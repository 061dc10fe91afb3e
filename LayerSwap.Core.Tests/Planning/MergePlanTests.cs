using System.Text.Json;

namespace LayerSwap.Tests.Planning;

/// <summary>A plan is complete, shows the winning rule, and reports all problems at once.</summary>
public sealed class MergePlanTests : IDisposable
{
    private readonly TempFolder _temp = new();

    public void Dispose() => _temp.Dispose();

    [Fact]
    public void Every_tensor_appears_once_and_the_last_rule_that_matches_wins()
    {
        ICheckpoint a = SmallModels.Llama("a", 1), b = SmallModels.Llama("b", 2);
        MergePlan plan = Merge.WithoutBase().With(a).With(b).Using(MergeStrategies.Linear())
            .For(Layers.First(2) | Layers.Last(1), MergeStrategies.Take(1))
            .For(Layers.At(0) & Layers.Mlp, MergeStrategies.Take(0))
            .Plan();
        Assert.Equal(a.Tensors.Select(t => t.Name), plan.Tensors.Select(t => t.Tensor.Name));
        Assert.Equal("Layers.At(0) & Layers.Mlp", Tensor(plan, "model.layers.0.mlp.up_proj.weight").Rule);
        Assert.Equal(["a"], Tensor(plan, "model.layers.0.mlp.up_proj.weight").Sources);
        Assert.Equal("Layers.First(2) | Layers.Last(1)", Tensor(plan, "model.layers.7.mlp.up_proj.weight").Rule);
        Assert.Equal("everywhere", Tensor(plan, "lm_head.weight").Rule);
        Assert.Contains("Layers.First(2) | Layers.Last(1)", plan.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Places_tile_the_files_and_add_up_to_the_bytes_to_write()
    {
        MergePlan plan = Merge.Onto(SmallModels.Llama("a", 1)).InShardsOf(30_000).Plan();
        long total = 0;
        foreach (IGrouping<string, PlannedTensor> file in plan.Tensors.GroupBy(t => t.File))
        {
            PlannedTensor[] tensors = [.. file.OrderBy(t => t.Offset)];
            for (int i = 1; i < tensors.Length; i++)
            {
                Assert.Equal(tensors[i - 1].Offset + tensors[i - 1].Tensor.ByteLength, tensors[i].Offset);
            }

            total += tensors[^1].Offset + tensors[^1].Tensor.ByteLength;
        }

        Assert.Equal(plan.WriteBytes, total);
        Assert.Equal(plan.Files, plan.Tensors.Select(t => t.File).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Json_has_every_tensor_with_its_operation()
    {
        using JsonDocument json =
            JsonDocument.Parse(Merge.LayerSwap(SmallModels.Llama("a", 1), SmallModels.Llama("b", 2), 1, 1, 1).Plan().ToJson());
        JsonElement[] tensors = [.. json.RootElement.GetProperty("tensors").EnumerateArray()];
        Assert.Equal(8 * 9 + 3, tensors.Length);
        Assert.Equal(["merge", "take"],
            tensors.Select(t => t.GetProperty("operation").GetString()!).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
        Assert.Equal(
            ["name", "dtype", "shape", "operation", "strategy", "rule", "sources", "detail", "file", "offset", "bytes"],
            tensors[0].EnumerateObject().Select(p => p.Name));
        Assert.True(json.RootElement.GetProperty("peakMemoryBytes").GetInt64() > 0);
    }

    [Fact]
    public void All_mismatches_are_reported_at_once()
    {
        ICheckpoint a = Folder("a",
            """{"hidden_size": 4, "num_attention_heads": 2, "num_key_value_heads": 2"""
            + """, "vocab_size": 3, "num_hidden_layers": 2, "tie_word_embeddings": false}""",
            ("model.layers.0.w.weight", DType.Float32, [4]), ("model.layers.1.w.weight", DType.Float32, [4]),
            ("only_a", DType.Float32, [1]), ("mixed", DType.Float32, [2]), ("model.embed_tokens.weight", DType.Float32, [3, 2]));
        ICheckpoint b = Folder("b",
            """{"hidden_size": 6, "num_attention_heads": 3, "num_key_value_heads": 1"""
            + """, "vocab_size": 5, "num_hidden_layers": 3, "tie_word_embeddings": true}""",
            ("model.layers.0.w.weight", DType.Float32, [6]), ("model.layers.1.w.weight", DType.Float32, [4]),
            ("model.layers.2.w.weight", DType.Float32, [4]), ("mixed", DType.BFloat16, [2]),
            ("model.embed_tokens.weight", DType.Float32, [5, 2]));
        MergeException e = Assert.Throws<MergeException>(() => Merge.Soup(a, b).Plan());
        string[] expected =
        [
            "hidden size", "number of layers", "attention heads", "key/value heads",
            "tie_word_embeddings", "only_a", "model.layers.2.w.weight",
            "[4] in", "[6] in", "F32 in", "BF16 in", "mixed", "[3, 2]", "[5, 2]", "vocabulary policy",
        ];
        Assert.All(expected, text => Assert.Contains(text, e.Message, StringComparison.Ordinal));
        Assert.True(e.Problems.Count >= 9, e.Message);
    }

    [Fact]
    public void A_dtype_mismatch_is_named_next_to_a_shape_mismatch()
    {
        MergeException e = Assert.Throws<MergeException>(() => Merge.Soup(
            SmallModels.Of("a", DType.Float32, ("w", [2], [1, 2])), SmallModels.Of("b", DType.BFloat16, ("w", [3], [1, 2, 3]))).Plan());
        Assert.Contains("[2] in a, [3] in b", e.Message, StringComparison.Ordinal);
        Assert.Contains("F32 in a, BF16 in b", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(OutsidePolicy.Task, OutsidePolicy.Task, 2)]
    [InlineData(OutsidePolicy.Language, OutsidePolicy.Language, 3)]
    [InlineData(OutsidePolicy.Task, OutsidePolicy.Language, 0)]
    [InlineData(OutsidePolicy.Language, OutsidePolicy.Task, 0)]
    public void Embedding_and_head_taken_from_different_vocabularies_are_rejected(OutsidePolicy embeddings, OutsidePolicy head, int rows)
    {
        ICheckpoint Model(string name, int tokens) => SmallModels.Of(name, DType.Float32,
            ("model.embed_tokens.weight", [tokens, 1], new double[tokens]),
            ("lm_head.weight", [tokens, 1], new double[tokens]), ("model.layers.0.w.weight", [1], [1]));
        MergeBuilder builder = Merge.LayerSwap(Model("task", 2), Model("language", 3),
            new LayerSwapOptions { Bottom = 0, Top = 0, TransitionBottom = 0, TransitionTop = 0, Embeddings = embeddings, Head = head });
        if (rows > 0)
        {
            Assert.Equal([rows, rows], builder.Plan().Tensors.Where(t => t.Tensor.Shape.Rank == 2).Select(t => t.Tensor.Shape[0]));
        }
        else
        {
            Assert.Contains("different numbers of rows", Assert.Throws<MergeException>(builder.Plan).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Different_dtypes_merge_if_the_output_dtype_is_set()
    {
        ICheckpoint a = SmallModels.Of("a", DType.Float32, ("w", [2], [1, 2])), b = SmallModels.Of("b", DType.BFloat16, ("w", [2], [3, 4]));
        Assert.Contains("--dtype", Assert.Throws<MergeException>(() => Merge.Soup(a, b).Plan()).Message, StringComparison.Ordinal);
        Assert.Equal(DType.Float16, Merge.Soup(a, b).As(DType.Float16).Plan().Tensors[0].Tensor.DType);
    }

    [Fact]
    public async Task A_vocabulary_policy_truncates_or_pads()
    {
        ICheckpoint a = SmallModels.Of("a", DType.Float32, ("model.embed_tokens.weight", [2, 2], [1, 2, 3, 4]));
        ICheckpoint b = SmallModels.Of("b", DType.Float32, ("model.embed_tokens.weight", [3, 2], [3, 4, 5, 6, 7, 8]));
        await Merge.Soup(a, b).Vocabulary(VocabularyPolicy.Truncate).SaveAsync(_temp["short"]);
        await Merge.Soup(a, b).Vocabulary(VocabularyPolicy.Pad).InBlocksOf(3).SaveAsync(_temp["long"]);
        using ICheckpoint truncated = Checkpoint.Open(_temp["short"]), padded = Checkpoint.Open(_temp["long"]);
        Assert.Equal([2, 3, 4, 5], SmallModels.Values(truncated, "model.embed_tokens.weight"));
        Assert.Equal([2, 3, 4, 5, 7, 8], SmallModels.Values(padded, "model.embed_tokens.weight"));
    }

    [Fact]
    public void Tokenizers_with_different_ids_are_rejected()
    {
        ICheckpoint a = Folder("a", "{}", ("w", DType.Float32, [1])), b = Folder("b", "{}", ("w", DType.Float32, [1]));
        File.WriteAllText(_temp["a", "vocab.json"], """{"one": 1, "two": 2}""");
        File.WriteAllText(_temp["b", "tokenizer.json"],
            """{"model": {"vocab": {"one": 1, "two": 3}}, "added_tokens": [{"id": 7, "content": "<x>"}]}""");
        Assert.Contains("token two", Assert.Throws<MergeException>(() => Merge.Soup(a, b).Plan()).Message, StringComparison.Ordinal);
        File.WriteAllText(_temp["b", "tokenizer.json"],
            """{"model": {"vocab": {"one": 1, "two": 2}}, "added_tokens": [{"id": 7, "content": "<x>"}]}""");
        Assert.Contains(Merge.Soup(a, b).Plan().Warnings, w => w.Contains("different tokens", StringComparison.Ordinal));
    }

    [Fact]
    public void A_tensor_taken_from_another_model_may_be_missing()
    {
        ICheckpoint a = SmallModels.Of("a", DType.Float32, ("w", [1], [1]), ("extra", [1], [2])),
            b = SmallModels.Of("b", DType.Float32, ("w", [1], [3]));
        Assert.Throws<MergeException>(() => Merge.Soup(a, b).Plan());
        MergePlan plan = Merge.Soup(a, b).For(Layers.Named("extra"), MergeStrategies.Take(0)).Plan();
        Assert.Equal(["extra", "w"], plan.Tensors.Select(t => t.Tensor.Name));
    }

    [Fact]
    public void Planning_reads_headers_only()
    {
        CountingCheckpoint model = new(SmallModels.Llama("m", 0));
        Merge.Onto(model).With(model).TaskArithmetic().Plan();
        Assert.Equal(0, model.BytesRead);
    }

    [Fact]
    public void Names_from_files_are_escaped()
    {
        ICheckpoint model = SmallModels.Of("evil\u001b[31m", DType.Float32, ("a\u202Eb\u0007", [1], [1]));
        string text = Merge.Onto(model).Plan().ToString() + model.ToText();
        Assert.DoesNotContain('\u001b', text);
        Assert.DoesNotContain('\u202E', text);
        Assert.DoesNotContain('\u0007', text);
    }

    [Fact]
    public void Memory_includes_buffers_for_ranking_long_rows()
    {
        const long Row = 2_000_000;
        ICheckpoint Model(string name) =>
            Checkpoint.InMemory(name, [(new TensorInfo("w", DType.BFloat16, new TensorShape(1, Row)), new byte[2 * Row])]);
        MergeBuilder merge = Merge.Onto(Model("base")).With(Model("a")).OnThreads(1);
        long ranked = merge.Using(MergeStrategies.Della(new() { Density = 0.5 })).Plan().PeakMemoryBytes,
            random = merge.Using(MergeStrategies.Dare(new() { Density = 0.5 })).Plan().PeakMemoryBytes;
        // A row, its keys, codes, lists of elements, and changes.
        Assert.InRange(ranked - random, 60 * Row, 160 * Row);
    }

    private static PlannedTensor Tensor(MergePlan plan, string name) => plan.Tensors.Single(t => t.Tensor.Name == name);

    private ICheckpoint Folder(string name, string config, params (string Name, DType DType, long[] Shape)[] tensors)
    {
        ICheckpoint memory = Checkpoint.InMemory(name,
            tensors.Select(t => new TensorInfo(t.Name, t.DType, new TensorShape(t.Shape)))
                .Select(t => (t, (ReadOnlyMemory<byte>)new byte[t.ByteLength])));
        Merge.Onto(memory).SaveAsync(_temp[name]).GetAwaiter().GetResult();
        File.WriteAllText(_temp[name, "config.json"], config);
        return Checkpoint.Open(_temp[name]);
    }
}
