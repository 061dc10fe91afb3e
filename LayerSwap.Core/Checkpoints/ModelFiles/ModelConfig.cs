using System.Text.Json;
using System.Text.Json.Nodes;

namespace LayerSwap.Checkpoints;

/// <summary>The figures of a config.json that a merge depends on, with those of a nested language model where there is one.</summary>
internal sealed class ModelConfig
{
    public const string FileName = "config.json";
    private const long Longest = 16_000_000;

    private static readonly string[] NestedKeys = ["text_config", "llm_config", "language_config"];

    private static readonly string[] Added = ["tie_word_embeddings", "bos_token_id", "eos_token_id", "pad_token_id"];

    /// <summary>Families whose code has a head of its own where the configuration says nothing.</summary>
    private static readonly string[] UntiedFamilies =
    [
        "llama", "mistral", "ministral", "mixtral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "qwen3_next", "phi", "phi3", "gpt_neox", "gptj", "stablelm", "olmo", "olmo2", "olmo3", "olmoe", "deepseek_v2", "deepseek_v3", "glm4", "glm4_moe",
        "internlm2", "baichuan", "nemotron", "persimmon", "llama4_text", "minimax", "apertus", "gpt_oss",
    ];

    private readonly JsonObject _text;

    private ModelConfig(JsonObject root)
    {
        Root = root;
        _text = NestedKeys.Select(k => root[k] as JsonObject).FirstOrDefault(o => o is not null) ?? root;
        // Read at once: a text that is not valid Unicode is found out only here.
        ModelType = Text("model_type");
        if (ModelType is not null && PythonJson.HasLoneSurrogate(ModelType))
        {
            throw new ArgumentException("model_type is not valid Unicode.");
        }
    }

    /// <summary>The whole document, as read.</summary>
    public JsonObject Root { get; }

    public string? ModelType { get; }

    public long? Layers => Number("num_hidden_layers", "n_layer", "num_layers", "n_layers");

    public long? HiddenSize => Number("hidden_size", "n_embd", "d_model");

    public long? Heads => Number("num_attention_heads", "n_head", "num_heads");

    public long? KeyValueHeads => Number("num_key_value_heads");

    /// <summary>The rows of an attention weight that belong to one head.</summary>
    public long? HeadSize => Number("head_dim", "d_kv") ?? (HiddenSize is { } hidden && Heads is > 0 and { } heads && hidden % heads == 0 ? hidden / heads : null);

    /// <summary>The layers that predict further tokens, numbered after the model's own (DeepSeek-V3, GLM-4.5).</summary>
    public long? ExtraLayers => Number("num_nextn_predict_layers");

    /// <summary>How the weights are quantised, as the configuration calls it; null if it says nothing.</summary>
    public string? QuantizationMethod => (Node("quantization_config") as JsonObject ?? Node("compression_config") as JsonObject) is { } quantization
        ? (quantization["quant_method"] as JsonValue)?.TryGetValue(out string? method) == true ? method : "quantization_config"
        : null;

    public long? VocabularySize => Number("vocab_size");

    /// <summary>The lists in it, those of a nested language model included.</summary>
    public IEnumerable<(string Key, JsonArray List)> Lists => _text.Concat(Root).Where(p => p.Value is JsonArray).Select(p => (p.Key, (JsonArray)p.Value!)).DistinctBy(p => p.Key, StringComparer.Ordinal);

    /// <summary>Whether the head is the embedding. What the whole model's configuration says counts before that of its language model.</summary>
    public bool? TiedEmbeddings => ((Root["tie_word_embeddings"] ?? _text["tie_word_embeddings"]) as JsonValue)?.TryGetValue(out bool tied) == true ? tied : Array.IndexOf(UntiedFamilies, ModelType) >= 0 ? false : null;

    /// <summary>Whether several layers share their tensors, so that there are fewer of them than layers.</summary>
    public bool SharesLayers => Has("num_hidden_groups") || Has("inner_group_num") || Has("block_sizes");

    public static ModelConfig? TryRead(ICheckpoint checkpoint) => TryReadFile(checkpoint, FileName);

    /// <summary>Another file of settings beside the weights, such as generation_config.json.</summary>
    public static ModelConfig? TryReadFile(ICheckpoint checkpoint, string file)
    {
        if (AuxiliaryFiles.TryRead(checkpoint, file, Longest) is not { } bytes)
        {
            return null;
        }

        string path = AuxiliaryFiles.PathOf(checkpoint, file);
        try
        {
            return PythonJson.Parse(bytes) is JsonObject root ? new ModelConfig(root)
                : throw new CheckpointException(path, null, $"{Printable.Escape(path)} holds no JSON object, as a configuration should.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            throw new CheckpointException(path, null, $"{Printable.Escape(path)} is not valid JSON: {Printable.Escape(e.Message)}", e);
        }
    }

    /// <summary>Sets values where they stand: in the nested language model's part, or at the root.</summary>
    public void Apply(IReadOnlyDictionary<string, JsonNode> changes)
    {
        foreach ((string key, JsonNode value) in changes)
        {
            // A path leads to one place; a name alone stands for wherever it is said.
            if (key.StartsWith('/'))
            {
                string[] path = key[1..].Split('/');
                JsonObject? at = path.SkipLast(1).Aggregate((JsonObject?)Root, (part, name) => part?[name] as JsonObject);
                if (at is not null)
                {
                    at[path[^1]] = value.DeepClone();
                }

                continue;
            }

            JsonObject[] parts = [.. new[] { _text, Root }.Distinct().Where(p => p.ContainsKey(key))];
            // What goes by the default of a model's code must be said where it is something else now.
            foreach (JsonObject part in parts.Length > 0 || !Added.Contains(key, StringComparer.Ordinal) ? parts : [_text])
            {
                part[key] = value.DeepClone();
            }
        }
    }

    /// <summary>A value as JSON, of the nested language model's part or the root; null if there is none. Values of <c>rope_parameters</c>, where newer configurations keep them, count as the root's.</summary>
    public string? Value(string key) => (Node(key) ?? (Node("rope_parameters") as JsonObject)?[key])?.ToJsonString();

    /// <summary>A copy of a value; null if there is none.</summary>
    public JsonNode? Copy(string key) => Node(key)?.DeepClone();

    public bool Has(string key) => Node(key) is not null;

    private JsonNode? Node(string key) => _text[key] ?? Root[key];

    private string? Text(string key) => (Node(key) as JsonValue)?.TryGetValue(out string? text) == true ? text : null;

    private long? Number(params ReadOnlySpan<string> keys)
    {
        foreach (string key in keys)
        {
            if ((Node(key) as JsonValue)?.TryGetValue(out long number) == true)
            {
                return number;
            }
        }

        return null;
    }
}
