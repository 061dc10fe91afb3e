using System.Text.Json;
using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;
using LayerSwap.Planning;

namespace LayerSwap.Tests.LayerMaps;

/// <summary>
/// Tests real architectures, as transformers writes them: their stacks, layers and token tables, and the config.json of a model whose
/// layers were left out or stacked. Expected values come from the families' published definitions.
/// </summary>
public sealed class FamiliesTests : IDisposable
{
    private const string Layers = "/num_hidden_layers", Text = "/text_config/num_hidden_layers";

    private readonly TempFolder _temp = new(inMemory: true);

    /// <summary>The main stack, its layers, and where the configuration says how many there are.</summary>
    public static TheoryData<string, string, int, string> Families
    {
        get
        {
            TheoryData<string, string, int, string> families = new()
            {
                { "bart", "model.decoder.layers", 6, "/decoder_layers" }, { "marian", "model.decoder.layers", 6, "/decoder_layers" },
                { "flan_t5", "decoder.block", 4, "/num_decoder_layers" }, { "switch", "decoder.block", 6, "/num_decoder_layers" },
                { "t5gemma", "model.decoder.layers", 6, "/decoder/num_hidden_layers" },
                { "bert_cls", "bert.encoder.layer", 6, Layers }, { "bert_mlm", "bert.encoder.layer", 6, Layers },
                { "roberta_mlm", "roberta.encoder.layer", 6, Layers }, { "xlm_roberta", "roberta.encoder.layer", 6, Layers },
                { "dinov2", "encoder.layer", 6, Layers }, { "vit", "vit.encoder.layer", 6, Layers },
                { "wav2vec2", "wav2vec2.encoder.layers", 6, Layers }, { "distilbert", "distilbert.transformer.layer", 6, "/n_layers" },
                { "bloom", "transformer.h", 6, "/n_layer" }, { "gpt2", "transformer.h", 6, "/n_layer" },
                { "gpt_bigcode", "transformer.h", 6, "/n_layer" }, { "gptj", "transformer.h", 6, "/n_layer" },
                { "gpt_neo", "transformer.h", 6, "/num_layers" }, { "mpt", "transformer.blocks", 6, "/n_layers" },
                { "gpt_neox", "gpt_neox.layers", 6, Layers }, { "falcon", "transformer.h", 6, Layers },
                { "mamba", "backbone.layers", 6, Layers }, { "mamba2", "backbone.layers", 6, Layers },
                { "falcon_mamba", "backbone.layers", 6, Layers }, { "rwkv", "rwkv.blocks", 6, Layers },
                { "clip", "text_model.encoder.layers", 6, Text }, { "siglip", "text_model.encoder.layers", 6, Text },
                { "gemma3_mm", "language_model.model.layers", 6, Text },
                { "internvl", "language_model.model.layers", 6, Text }, { "llava", "language_model.model.layers", 6, Text },
                { "glm4v", "model.language_model.layers", 6, Text }, { "qwen3_5", "model.language_model.layers", 6, Text },
                { "qwen3_vl", "model.language_model.layers", 6, Text },
                { "idefics3", "model.text_model.layers", 6, Text }, { "smolvlm", "model.text_model.layers", 6, Text },
                { "qwen2_5_vl", "model.layers", 6, Text }, { "qwen2_vl", "model.layers", 6, Text },
                { "qwen2_audio", "language_model.model.model.layers", 6, Text },
                { "voxtral", "language_model.model.model.layers", 6, Text },
            };
            foreach (string plain in (string[])["apertus", "cohere", "cohere2", "deepseek_v2", "deepseek_v32", "ernie4_5_moe",
                "exaone4", "gemma", "gemma2", "gemma3_text", "glm4", "granite", "granitemoe", "granitemoehybrid", "llama", "llama4_text",
                "llama_cls", "llama_rope", "llama_tied", "minimax", "minimax_m2", "ministral3", "mistral", "mixtral", "modernbert",
                "modernbert_cls", "modernbert_decoder", "nemotron", "olmo2", "olmoe", "phi", "phi3", "phi4_mm", "qwen2", "qwen2_moe",
                "qwen2_tied", "qwen3", "qwen3_moe", "qwen3_next", "smollm3", "stablelm", "starcoder2"])
            {
                families.Add(plain, "model.layers", 6, Layers);
            }

            return families;
        }
    }

    public void Dispose() => _temp.Dispose();

    [Fact]
    public void Every_family_except_two_without_layers_is_tested() =>
        Assert.Equal(Directory.EnumerateFiles(Fixture.Path("families")).Select(f => Path.GetFileNameWithoutExtension(f))
            .Except(["albert", "resnet"], StringComparer.Ordinal).Order(StringComparer.Ordinal),
            Families.Select(f => (string)f[0]).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Families))]
    public void Stacks_layers_and_config_keys_are_found(string family, string stack, int layers, string key)
    {
        using ICheckpoint model = Open(family);
        LayerMap map = LayerMap.Of(model);
        Assert.Equal((stack, layers), (map.MainStack, map.LayerCount));

        Assert.Empty(ConfigCheck.FindProblems(model));

        // The whole model: no changes, no warning.
        MergePlan whole = Merge.Soup(model, model).Plan();
        Assert.Empty(whole.ConfigChanges);
        Assert.DoesNotContain(whole.Warnings, w => !w.Contains("stacks of layers", StringComparison.Ordinal));

        // Shortened at its end: the number under the key of the stack, and lists as long.
        JsonNode config = Shortened(model, layers - 2);
        Assert.Equal(layers - 2, At(config, key)!.GetValue<int>());
        JsonNode before = JsonNode.Parse(File.ReadAllText(_temp[family, "config.json"]))!;
        Assert.Equal(Numbers(before, "").Count, Numbers(config, "").Count(n => true));
        foreach ((string path, long number) in Numbers(before, "").Where(n => n.Path != key))
        {
            Assert.True(Numbers(config, "").Any(n => n.Path == path && n.Number == number), $"{family}: {path} was {number}");
        }

        string section = key[..key.LastIndexOf('/')];
        foreach (string list in (string[])["layer_types", "no_rope_layers", "mlp_layer_types", "attention_layers", "layers_block_type"])
        {
            if (At(before, $"{section}/{list}") is JsonArray old)
            {
                Assert.True(JsonNode.DeepEquals(new JsonArray([.. old.Take(layers - 2).Select(n => n?.DeepClone())]),
                    At(config, $"{section}/{list}")), $"{family}: {list}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Token_tables_have_the_rows_of_the_vocabulary(string family, string stack, int layers, string key)
    {
        Assert.NotEqual("", stack + layers + key);
        using ICheckpoint model = Open(family);
        LayerMap map = LayerMap.Of(model);
        long? vocabulary = ModelConfig.TryRead(model)!.VocabularySize;
        TensorInfo[] tables = [.. model.Tensors.Where(t => map[t.Name].IsTokenTable)];
        Assert.All(tables,
            t => Assert.True(t.Shape.Rank == 0 || t.Shape[0] == vocabulary || t.Shape == new TensorShape(1, vocabulary ?? 0),
                $"{t} has not {vocabulary} rows"));
        Assert.True(vocabulary is null || family is "vit" or "dinov2" || tables.Length > 0, "no token table");
    }

    /// <summary>The modules within layers, as the families' code calls them: each is a norm, attention or what stands in its place,
    /// feed-forward, or one of the few that are neither.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void Tensor_kinds_match_their_modules(string family, string stack, int layers, string key)
    {
        Assert.NotEqual("", stack + layers + key);
        using ICheckpoint model = Open(family);
        LayerMap map = LayerMap.Of(model);
        string[] neither = family switch
        {
            "dinov2" => ["layer_scale1.lambda1", "layer_scale2.lambda1"],
            "internvl" => ["lambda_1", "lambda_2"],
            "phi4_mm" => ["conv.dw_sep_conv_1d", "conv.ext_pw_conv_1d", "conv.glu"],
            _ => [],
        };
        foreach (TensorPlace place in model.Tensors.Select(t => map[t.Name]).Where(p => p.Layer is not null))
        {
            string[] modules = [.. place.Component.Split('.').Where(m => m is not "bias" && !m.All(char.IsAsciiDigit))];
            string first = modules[0].ToLowerInvariant(), last = modules[^1].ToLowerInvariant();
            TensorKind expected = last.Contains("norm", StringComparison.Ordinal) || last is "ln_1" or "ln_2" or "ln1" or "ln2" or "pre_ln"
                ? TensorKind.Norm
                : modules.Any(m => m is "self_attn" or "attn" or "attention" or "self_attention" or "SelfAttention" or "EncDecAttention"
                    or "encoder_attn" or "cross_attn" or "linear_attn" or "mixer" or "mamba") ? TensorKind.Attention
                : first is "mlp" or "ffn" or "fc1" or "fc2" or "intermediate" or "output" or "feed_forward" or "feed_forward_in"
                    or "feed_forward_out" or "block_sparse_moe" or "shared_mlp" || modules.Any(m => m is "DenseReluDense" or "mlp")
                        ? TensorKind.Mlp
                : neither.Any(n => place.Component.StartsWith(n, StringComparison.Ordinal)) ? TensorKind.Other
                : throw new Xunit.Sdk.XunitException($"{family}: {place.Component} is of no known module");
            Assert.True(expected == place.Kind, $"{family}: {place.Name} is {place.Kind}, expected {expected}");
        }
    }

    [Fact]
    public void Layer_lists_follow_restacking_and_conflicting_periods_are_rejected()
    {
        using ICheckpoint llama4 = Open("llama4_text"), next = Open("qwen3_next"), moe = Open("qwen3_moe"), neo = Open("gpt_neo");
        JsonNode config = Restacked(llama4, 0..3, 1..6);
        Assert.Equal("[1,3,5,7]", Compact(config, "/moe_layers"));
        Assert.Equal(8, At(config, "/layer_types")!.AsArray().Count);

        Assert.Equal("[0,4]", Compact(Restacked(moe, 0..4, 0..2), "/mlp_only_layers"));
        Assert.Equal(8, At(Restacked(next, 0..4, 0..4), Layers)!.GetValue<int>());
        Assert.Equal("""[[["global","local","global","local","global","local"],1]]""",
            Compact(Restacked(neo, 0..4, 2..4), "/attention_types"));
    }

    [Theory]
    [InlineData("\"decoder_sparse_step\": 2", "decoder_sparse_step")]
    [InlineData("\"attn_layer_period\": 2, \"attn_layer_offset\": 1", "attn_layer_period")]
    [InlineData("\"first_k_dense_replace\": 1", "first_k_dense_replace")]
    [InlineData("\"num_kv_shared_layers\": 2", "num_kv_shared_layers")]
    [InlineData("\"hidden_size_per_layer_input\": 8", "hidden_size_per_layer_input")]
    [InlineData("\"strange_layer_period\": 2", "strange_layer_period")]
    public void A_config_value_that_would_select_other_layers_is_named(string figure, string named)
    {
        using ICheckpoint model = Open("llama",
            config => config.Replace("\"num_hidden_layers\"", figure + ", \"num_hidden_layers\"", StringComparison.Ordinal));
        MergeException error = Assert.Throws<MergeException>(() => Merge.Soup(Checkpoint.Stack((model, 0..3), (model, 0..3))).Plan());
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.Contains("Remedy: ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("flan_t5", "encoder.block", "/num_layers", 6)]
    [InlineData("bart", "model.encoder.layers", "/encoder_layers", 6)]
    [InlineData("t5gemma", "model.encoder.layers", "/encoder/num_hidden_layers", 6)]
    [InlineData("llava", "vision_tower.encoder.layers", "/vision_config/num_hidden_layers", 3)]
    [InlineData("qwen3_vl", "model.visual.blocks", "/vision_config/depth", 3)]
    [InlineData("qwen2_audio", "audio_tower.layers", "/audio_config/encoder_layers", 3)]
    public void The_number_of_layers_of_a_chosen_stack_is_written_under_its_own_key(string family, string stack, string key, int layers)
    {
        using ICheckpoint model = Open(family);
        JsonNode before = JsonNode.Parse(File.ReadAllText(_temp[family, "config.json"]))!,
            config = Shortened(model.WithMainStack(stack), layers - 1);
        Assert.Equal(layers - 1, At(config, key)!.GetValue<int>());
        Assert.All(Numbers(before, "").Where(n => n.Path != key), n => Assert.Contains(n, Numbers(config, "")));
    }

    [Theory]
    [InlineData("gemma2", "layer_types")]
    [InlineData("gemma3_text", "layer_types")]
    [InlineData("cohere2", "layer_types")]
    [InlineData("qwen3_next", "layer_types")]
    [InlineData("smollm3", "no_rope_layers")]
    public void The_default_pattern_of_a_family_applies_without_config(string family, string list)
    {
        using ICheckpoint model = Open(family, config =>
        {
            JsonObject root = JsonNode.Parse(config)!.AsObject();
            foreach (string key in (string[])[list, "layer_types", "sliding_window_pattern",
                "_sliding_window_pattern", "full_attention_interval", "no_rope_layer_interval"])
            {
                root.Remove(key);
            }

            return root.ToJsonString(new JsonSerializerOptions());
        });
        Assert.Contains("the default of",
            Assert.Throws<MergeException>(() => Merge.Soup(Checkpoint.Stack((model, 0..1), (model, 2..6))).Plan()).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"sliding_window_pattern\": \"LLLG\"", "sliding_window_pattern")]
    [InlineData("\"block_types\": [\"recurrent\", \"recurrent\", \"attention\"]", "block_types")]
    [InlineData("\"mamba_step\": 4", "mamba_step")]
    [InlineData("\"moe_layer_end_index\": 4", "moe_layer_end_index")]
    [InlineData("\"pruned_heads\": {\"2\": [0]}", "pruned_heads")]
    [InlineData("\"linear_attn_config\": {\"full_attn_layers\": [4]}", "linear_attn_config")]
    public void A_pattern_in_another_form_is_named(string figure, string named)
    {
        using ICheckpoint model = Open("llama",
            config => config.Replace("\"num_hidden_layers\"", figure + ", \"num_hidden_layers\"", StringComparison.Ordinal));
        Assert.Contains(named,
            Assert.Throws<MergeException>(() => Merge.Soup(Checkpoint.Stack((model, 0..2), (model, 3..6))).Plan()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_multi_token_prediction_layer_follows_the_last_layer()
    {
        string[] names = ["model.embed_tokens.weight", "model.layers.0.w", "model.layers.1.w",
            "model.layers.2.w", "model.layers.3.eh_proj.weight", "model.layers.3.w"];
        await Merge.Onto(SmallModels.Of("m", DType.Float32, [.. names.Select(n => (n, new long[] { 2, 2 }, new double[] { 1, 2, 3, 4 }))]))
            .SaveAsync(_temp["mtp"], new() { Durable = false });
        foreach (string further in (string[])["\"num_nextn_predict_layers\": 1, ", ""])
        {
            File.WriteAllText(_temp["mtp", "config.json"], $$"""{ {{further}}"num_hidden_layers": 3 }""");
            using ICheckpoint model = Checkpoint.Open(_temp["mtp"]);
            Assert.Equal(3, LayerMap.Of(model).LayerCount);
            Assert.Equal(["model.layers.2.eh_proj.weight", "model.layers.2.w"],
                Checkpoint.Stack((model, 0..2)).Tensors.Select(t => t.Name)
                    .Where(n => n.StartsWith("model.layers.2.", StringComparison.Ordinal)));
            Assert.Equal(7, Checkpoint.Stack((model, ..), (model, ..)).Tensors.Max(t => LayerMapTests.Map(t.Name).LayerCount));
        }
    }

    [Theory]
    [InlineData("model.layers.0.w,model.layers.1.w,model.layers.3.w", "lacks 2")]
    [InlineData("model.layers.0.w,model.layers.1.w,model.layers.2.w,model.layers.3.w,model.layers.4.w", "has 5 layers")]
    public async Task Layers_that_config_does_not_count_are_named(string names, string named)
    {
        await Merge.Onto(SmallModels.Of("m", DType.Float32,
            [.. names.Split(',').Select(n => (n, new long[] { 2, 2 }, new double[] { 1, 2, 3, 4 }))]))
                .SaveAsync(_temp["gap"], new() { Durable = false });
        File.WriteAllText(_temp["gap", "config.json"], """{ "num_hidden_layers": 4 }""");
        using ICheckpoint model = Checkpoint.Open(_temp["gap"]);
        Assert.Contains(named, Assert.Throws<MergeException>(() => Merge.Soup(model).Plan()).Message, StringComparison.Ordinal);
        Assert.False((await Checkpoint.VerifyAsync(_temp["gap"])).Ok);
        Merge.Soup(model).Allow(InputCautions.Layers).Plan();
    }

    [Fact]
    public void A_pattern_with_a_letter_for_each_layer_follows_the_layers()
    {
        using ICheckpoint model = Open("mamba2",
            config => config.Replace("\"num_hidden_layers\"",
                "\"hybrid_override_pattern\": \"M-M*-E\", \"num_hidden_layers\"", StringComparison.Ordinal));
        Assert.Equal("M-M*M-M*", At(Restacked(model, 0..4, 0..4), "/hybrid_override_pattern")!.GetValue<string>());
    }

    [Theory]
    [InlineData("llama", "\"num_hidden_layers\":6", "\"num_hidden_layers\":7", "num_hidden_layers is 7")]
    [InlineData("flan_t5", "\"num_decoder_layers\":4", "\"num_decoder_layers\":5", "num_decoder_layers is 5")]
    [InlineData("bart", "\"encoder_layers\":6", "\"encoder_layers\":5", "encoder_layers is 5")]
    [InlineData("qwen3", "\"vocab_size\":", "\"vocab_size\":9", "vocab_size is 9")]
    [InlineData("qwen3", "\"layer_types\":[", "\"layer_types\":[\"full_attention\",", "layer_types")]
    [InlineData("gemma3_text", "\"vocab_size\"", "\"tie_word_embeddings\":false,\"vocab_size\"", "no output head")]
    public async Task Verify_finds_wrong_config_values(string family, string said, string instead, string named)
    {
        using ICheckpoint model = Open(family, config =>
        {
            string changed = config.Replace("\"tie_word_embeddings\":true,", "", StringComparison.Ordinal)
                .Replace(said, instead, StringComparison.Ordinal);
            Assert.NotEqual(config, changed);
            return changed;
        });
        VerifyReport report = await Checkpoint.VerifyAsync(_temp[family]);
        Assert.Contains(report.Problems,
            p => p.Message.Contains(named, StringComparison.Ordinal) && p.Message.Contains("Remedy: ", StringComparison.Ordinal));
    }

    [Fact]
    public void Multi_token_prediction_layers_are_not_part_of_the_stack()
    {
        using ICheckpoint model = Open("llama",
            config => config.Replace("\"num_hidden_layers\":6",
                "\"num_nextn_predict_layers\":1,\"num_hidden_layers\":5", StringComparison.Ordinal));
        LayerMap map = LayerMap.Of(model);
        Assert.Equal(5, map.LayerCount);
        TensorPlace extra = map["model.layers.5.self_attn.q_proj.weight"];
        Assert.Equal((null, false, TensorKind.Head), (extra.Layer, extra.InMainStack, extra.Kind));
        Assert.True(LayerSwap.Layers.Last(1).Matches(map["model.layers.4.self_attn.q_proj.weight"]));
        Assert.False(LayerSwap.Layers.Last(1).Matches(extra));
    }

    private static string Compact(JsonNode config, string path) => At(config, path)!.ToJsonString();

    private static JsonNode? At(JsonNode config, string path) =>
        path[1..].Split('/').Aggregate((JsonNode?)config, (node, name) => (node as JsonObject)?[name]);

    /// <summary>Every number that says how many layers some stack has.</summary>
    private static List<(string Path, long Number)> Numbers(JsonNode node, string path) => node is not JsonObject part ? []
        : [.. part.Where(p => p.Key is "num_hidden_layers" or "n_layer" or "num_layers" or "n_layers"
            or "encoder_layers" or "decoder_layers" or "num_decoder_layers" or "depth" && p.Value is JsonValue)
            .Select(p => ($"{path}/{p.Key}", p.Value!.GetValue<long>())),
                .. part.Where(p => p.Value is JsonObject).SelectMany(p => Numbers(p.Value!, $"{path}/{p.Key}"))];

    private JsonNode Shortened(ICheckpoint model, int layers) => Written(Merge.Soup(Checkpoint.Stack((model, ..layers))).Plan());

    private JsonNode Restacked(ICheckpoint model, Range one, Range two) =>
        Written(Merge.Soup(Checkpoint.Stack((model, one), (model, two))).Plan());

    private JsonNode Written(MergePlan plan)
    {
        string output = _temp[$"out-{Guid.NewGuid():N}"];
        plan.ExecuteAsync(output, new() { Durable = false }).GetAwaiter().GetResult();
        using ICheckpoint written = Checkpoint.Open(output);
        Assert.Empty(ConfigCheck.FindProblems(written));
        return JsonNode.Parse(File.ReadAllText(Path.Combine(output, "config.json")))!;
    }

    private ICheckpoint Open(string family, Func<string, string>? change = null)
    {
        JsonNode file = JsonNode.Parse(File.ReadAllText(Fixture.Path("families", family + ".json")))!;
        ICheckpoint tensors = Checkpoint.InMemory(family, file["tensors"]!.AsObject().Select(t =>
        {
            TensorInfo info = new(t.Key, DTypes.All.Single(d => d.Code() == t.Value![0]!.GetValue<string>()),
                new TensorShape([.. t.Value![1]!.AsArray().Select(e => e!.GetValue<long>())]));
            return (info, (ReadOnlyMemory<byte>)new byte[info.ByteLength]);
        }));
        Merge.Onto(tensors).SaveAsync(_temp[family], new() { Durable = false, Overwrite = true }).GetAwaiter().GetResult();
        string config = file["config"]!.ToJsonString(new JsonSerializerOptions());
        File.WriteAllText(_temp[family, "config.json"], change is null ? config : change(config));
        return Checkpoint.Open(_temp[family]);
    }
}
