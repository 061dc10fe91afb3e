using System.Text;
using LayerSwap.Checkpoints;

namespace LayerSwap.Tests.Checkpoints;

/// <summary>Tests reading of config.json and tokenizer files.</summary>
public sealed class ModelFilesTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ICheckpoint _checkpoint;

    public ModelFilesTests()
    {
        RawFile.Vectors(_folder["model.safetensors"], ("a", [1]));
        _checkpoint = Checkpoint.Open(_folder.Path);
    }

    [Fact]
    public void A_model_without_config_or_tokenizer_has_none()
    {
        Assert.Null(ModelConfig.TryRead(_checkpoint));
        Assert.Null(TokenizerVocabulary.TryRead(_checkpoint));
        using ICheckpoint memory = Checkpoint.InMemory("m", []);
        Assert.Null(ModelConfig.TryRead(memory));
        Assert.Null(TokenizerVocabulary.TryRead(memory));
    }

    [Fact]
    public void Config_values_are_read()
    {
        ModelConfig config = Config("""{"model_type":"llama","num_hidden_layers":32,"hidden_size":4096,"num_attention_heads":32"""
            + ""","num_key_value_heads":8,"vocab_size":128256,"tie_word_embeddings":false}""");
        Assert.Equal("llama", config.ModelType);
        Assert.Equal((32, 4096, 32, 8, 128256),
            (config.Layers, config.HiddenSize, config.Heads, config.KeyValueHeads, config.VocabularySize));
        Assert.False(config.TiedEmbeddings);
        Assert.True(config.Has("vocab_size"));
        Assert.False(config.Has("rope_theta"));
    }

    [Fact]
    public void Older_config_keys_are_read()
    {
        ModelConfig config = Config("""{"n_layer":12,"n_embd":768,"n_head":12}""");
        Assert.Equal((12, 768, 12), (config.Layers, config.HiddenSize, config.Heads));
        Assert.Null(config.ModelType);
        Assert.Null(config.TiedEmbeddings);
        Assert.Null(config.VocabularySize);
    }

    [Theory]
    [InlineData("text_config")]
    [InlineData("llm_config")]
    [InlineData("language_config")]
    public void Nested_config_values_override_those_of_the_root(string key)
    {
        ModelConfig config = Config("""{"model_type":"outer","num_hidden_layers":1,"vocab_size":77"""
            + $$$""","{{{key}}}":{"model_type":"inner","num_hidden_layers":24}}""");
        Assert.Equal(("inner", 24, 77), (config.ModelType, config.Layers, config.VocabularySize));
    }

    [Fact]
    public void A_config_value_of_the_wrong_type_is_ignored()
    {
        ModelConfig config = Config("""{"model_type":7,"num_hidden_layers":"32","hidden_size":1e400"""
            + ""","vocab_size":[1],"num_attention_heads":99999999999999999999,"tie_word_embeddings":"yes","text_config":[1]}""");
        Assert.True(config is { ModelType: null, Layers: null, HiddenSize: null, VocabularySize: null, Heads: null, TiedEmbeddings: null });
    }

    [Theory]
    [InlineData("{\"\\ud800\":1,\"vocab_size\":7}")]
    [InlineData("{\"a\":{\"\\udc00\":\"x\\ud800y\"},\"vocab_size\":7}")]
    [InlineData("{\"a\":\"\\\\ud800\",\"b\":\"\\ud83d\\ude00\",\"c\":\"\\ude00\\ud83d\",\"vocab_size\":7}")]
    public void Lone_surrogates_in_unused_values_are_preserved(string json)
    {
        ModelConfig config = Config(json);
        Assert.Equal(7, config.VocabularySize);
        string written = Encoding.UTF8.GetString(PythonJson.Write(config.Root));
        Assert.Equal(json.Replace("\\ud83d\\ude00", "\\uD83D\\uDE00", StringComparison.Ordinal),
            string.Concat(written.Where(c => !char.IsWhiteSpace(c))));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("7")]
    [InlineData("<html></html>")]
    [InlineData("{} {}")]
    [InlineData("{\"vocab_size\":1,\"vocab_size\":2}")]
    [InlineData("{\"text_config\":{\"vocab_size\":1,\"vocab_size\":2}}")]
    [InlineData("{\"model_type\":\"\\ud800\"}")]
    [InlineData("{\"text_config\":{\"model_type\":\"\\ud800\"}}")]
    [InlineData("{\"model_type\":\"\u00FF\"}")]
    public void An_invalid_config_is_rejected_by_name(string json)
    {
        File.WriteAllText(_folder["config.json"], json, Encoding.Latin1);
        CheckpointException error = Assert.Throws<CheckpointException>(() =>
        {
            ModelConfig? config = ModelConfig.TryRead(_checkpoint);
            Assert.NotNull(config);
            _ = (config.ModelType, config.Layers, config.VocabularySize, config.TiedEmbeddings);
        });
        Assert.Equal(_folder["config.json"], error.File);
        Assert.Contains("config.json", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_config_that_is_too_deep_or_too_long_is_rejected()
    {
        File.WriteAllText(_folder["config.json"], "{\"a\":" + new string('[', 100_000));
        Assert.Throws<CheckpointException>(() => ModelConfig.TryRead(_checkpoint));
        File.WriteAllText(_folder["config.json"], "{}" + new string(' ', 16_000_000));
        Assert.Throws<CheckpointException>(() => ModelConfig.TryRead(_checkpoint));
    }

    [Fact]
    public void Changes_are_written_to_the_object_that_has_the_key()
    {
        ModelConfig config = Config("""{"num_hidden_layers":1,"x":5,"text_config":{"num_hidden_layers":24}}""");
        config.Apply(new Dictionary<string, System.Text.Json.Nodes.JsonNode>(StringComparer.Ordinal)
        { ["num_hidden_layers"] = 30, ["absent"] = 1 });
        Assert.Equal("""{"num_hidden_layers":30,"x":5,"text_config":{"num_hidden_layers":30}}""", config.Root.ToJsonString());
    }

    [Fact]
    public void A_tokenizers_vocabulary_is_read_with_its_added_tokens()
    {
        Dictionary<string, long> tokens = Tokens("tokenizer.json",
            """{"added_tokens":[{"id":3,"content":"<s>"},{"id":9,"content":"b"},{"id":5},7]"""
            + ""","model":{"type":"BPE","vocab":{"a":0,"b":1,"é😀":2}}}""");
        Assert.Equal(["a=0", "b=1", "é😀=2", "<s>=3"], InOrder(tokens), StringComparer.Ordinal);
    }

    [Fact]
    public void Tokens_of_a_scored_list_are_numbered_by_position() =>
        Assert.Equal(["<unk>=0", "a=1", "b=2"],
            InOrder(Tokens("tokenizer.json", """{"model":{"vocab":[["<unk>",0.0],["a",-1.5],["b",-2]]}}""")), StringComparer.Ordinal);

    [Fact]
    public void The_plain_token_list_is_read_without_tokenizer_json() =>
        Assert.Equal(["a=0", "b=1"], InOrder(Tokens("vocab.json", """{"a":0,"b":1}""")), StringComparer.Ordinal);

    [Theory]
    [InlineData("tokenizer.json", "{")]
    [InlineData("tokenizer.json", "")]
    [InlineData("vocab.json", "<html>")]
    [InlineData("vocab.json", "{\"a\":1.5}")]
    [InlineData("vocab.json", "{\"a\":1e400}")]
    [InlineData("vocab.json", "{\"a\":99999999999999999999}")]
    [InlineData("vocab.json", "{\"\\ud800\":1}")]
    [InlineData("tokenizer.json", "{\"model\":{\"vocab\":{\"a\":0.5}}}")]
    [InlineData("tokenizer.json", "{\"model\":{\"vocab\":[[]]}}")]
    [InlineData("tokenizer.json", "{\"model\":{\"vocab\":[7]}}")]
    [InlineData("tokenizer.json", "{\"model\":{\"vocab\":[{}]}}")]
    [InlineData("tokenizer.json", "{\"model\":{\"vocab\":[[null,1]]}}")]
    [InlineData("tokenizer.json", "{\"model\":{\"vocab\":[[7,1]]}}")]
    [InlineData("tokenizer.json", "{\"model\":{\"vocab\":[[\"\\ud800\",1]]}}")]
    [InlineData("tokenizer.json", "{\"added_tokens\":[{\"content\":null,\"id\":1}]}")]
    [InlineData("tokenizer.json", "{\"added_tokens\":[{\"content\":\"a\",\"id\":null}]}")]
    [InlineData("tokenizer.json", "{\"added_tokens\":[{\"content\":\"a\",\"id\":\"1\"}]}")]
    [InlineData("tokenizer.json", "{\"added_tokens\":[{\"content\":\"a\",\"id\":1.5}]}")]
    public void An_invalid_vocabulary_is_rejected_by_name(string file, string json)
    {
        File.WriteAllText(_folder[file], json);
        CheckpointException error = Assert.Throws<CheckpointException>(() => TokenizerVocabulary.TryRead(_checkpoint));
        Assert.Equal(_folder[file], error.File);
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _checkpoint.Dispose();
        _folder.Dispose();
    }

    private static IEnumerable<string> InOrder(Dictionary<string, long> tokens) =>
        tokens.OrderBy(t => t.Value).Select(t => $"{t.Key}={t.Value}");

    private ModelConfig Config(string json)
    {
        File.WriteAllText(_folder["config.json"], json);
        return ModelConfig.TryRead(_checkpoint)!;
    }

    private Dictionary<string, long> Tokens(string file, string json)
    {
        File.WriteAllText(_folder[file], json);
        return TokenizerVocabulary.TryRead(_checkpoint)!.Ids;
    }
}
