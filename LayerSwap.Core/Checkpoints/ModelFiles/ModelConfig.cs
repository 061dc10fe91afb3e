using System.Text.Json;
using System.Text.Json.Nodes;

namespace LayerSwap.Checkpoints;

/// <summary>A config.json, with the values that a merge depends on. Values of a nested language model take precedence.</summary>
internal sealed class ModelConfig
{
    public const string FileName = "config.json";
    private const long MaxFileBytes = 16_000_000;

    private static readonly string[] NestedKeys = ["text_config", "llm_config", "language_config"];

    /// <summary>Keys that <see cref="Apply"/> adds if they are absent: without them the default of the model's code would hold.</summary>
    private static readonly string[] AddedKeys = ["tie_word_embeddings", "bos_token_id", "eos_token_id", "pad_token_id"];

    /// <summary>The values of model_type whose code defaults to an untied head.</summary>
    private static readonly string[] UntiedFamilies =
    [
        "llama", "mistral", "ministral", "mixtral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "qwen3_next", "phi", "phi3", "gpt_neox",
        "gptj", "stablelm", "olmo", "olmo2", "olmo3", "olmoe", "deepseek_v2", "deepseek_v3", "glm4", "glm4_moe", "internlm2", "baichuan",
        "nemotron", "persimmon", "llama4_text", "minimax", "apertus", "gpt_oss",
    ];

    private readonly JsonObject _text;

    private ModelConfig(JsonObject root)
    {
        Root = root;
        _text = NestedKeys.Select(k => root[k] as JsonObject).FirstOrDefault(o => o is not null) ?? root;
        // Decode now: strings are decoded lazily, and this one may not be valid Unicode.
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

    /// <summary>The number of rows of an attention weight for each head.</summary>
    public long? HeadSize =>
        Number("head_dim", "d_kv")
        ?? (HiddenSize is { } hidden && Heads is > 0 and { } heads && hidden % heads == 0 ? hidden / heads : null);

    /// <summary>The number of multi-token prediction layers, numbered after the model's own (DeepSeek-V3, GLM-4.5).</summary>
    public long? MtpLayers => Number("num_nextn_predict_layers");

    /// <summary>The quantisation method; null if the configuration has none.</summary>
    public string? QuantizationMethod
    {
        get
        {
            JsonObject? quantization = Node("quantization_config") as JsonObject ?? Node("compression_config") as JsonObject;
            return quantization is null ? null
                : quantization["quant_method"] is JsonValue value && value.TryGetValue(out string? method) ? method
                : "quantization_config";
        }
    }

    public long? VocabularySize => Number("vocab_size");

    /// <summary>The lists of the nested language model and of the root, by key.</summary>
    public IEnumerable<(string Key, JsonArray List)> Lists => _text.Concat(Root)
        .Where(p => p.Value is JsonArray)
        .Select(p => (p.Key, (JsonArray)p.Value!))
        .DistinctBy(p => p.Key, StringComparer.Ordinal);

    /// <summary>Whether the head shares the embedding; null if unknown. Here the root takes precedence over the nested model.</summary>
    public bool? TiedEmbeddings =>
        (Root["tie_word_embeddings"] ?? _text["tie_word_embeddings"]) is JsonValue value && value.TryGetValue(out bool tied) ? tied
        : Array.IndexOf(UntiedFamilies, ModelType) >= 0 ? false
        : null;

    /// <summary>Whether several layers share their tensors, so that the tensors have fewer layer numbers than there are layers.</summary>
    public bool SharesLayers => Has("num_hidden_groups") || Has("inner_group_num") || Has("block_sizes");

    public static ModelConfig? TryRead(ICheckpoint checkpoint) => TryReadFile(checkpoint, FileName);

    /// <summary>Reads another JSON file of the model, such as generation_config.json.</summary>
    public static ModelConfig? TryReadFile(ICheckpoint checkpoint, string file)
    {
        if (AuxiliaryFiles.TryRead(checkpoint, file, MaxFileBytes) is not { } bytes)
        {
            return null;
        }

        string path = AuxiliaryFiles.GetDisplayPath(checkpoint, file);
        try
        {
            return PythonJson.Parse(bytes) is JsonObject root
                ? new ModelConfig(root)
                : throw new CheckpointException(path, null, $"{Printable.Escape(path)} contains no JSON object; one is expected.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            throw new CheckpointException(path, null, $"{Printable.Escape(path)} is not valid JSON: {Printable.Escape(e.Message)}", e);
        }
    }

    /// <summary>Sets values where they occur: in the nested language model, the root, or both.</summary>
    /// <param name="changes">Values by key, or by a path that begins with a slash and names one place.</param>
    public void Apply(IReadOnlyDictionary<string, JsonNode> changes)
    {
        foreach ((string key, JsonNode value) in changes)
        {
            if (key.StartsWith('/'))
            {
                string[] path = key[1..].Split('/');
                JsonObject? parent = path.SkipLast(1).Aggregate((JsonObject?)Root, (part, name) => part?[name] as JsonObject);
                if (parent is not null)
                {
                    parent[path[^1]] = value.DeepClone();
                }

                continue;
            }

            JsonObject[] parts = [.. new[] { _text, Root }.Distinct().Where(p => p.ContainsKey(key))];
            foreach (JsonObject part in parts.Length > 0 || !AddedKeys.Contains(key, StringComparer.Ordinal) ? parts : [_text])
            {
                part[key] = value.DeepClone();
            }
        }
    }

    /// <summary>A value as JSON, also from <c>rope_parameters</c>, where newer configurations have some; null if there is none.</summary>
    public string? GetJson(string key) => (Node(key) ?? (Node("rope_parameters") as JsonObject)?[key])?.ToJsonString();

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
