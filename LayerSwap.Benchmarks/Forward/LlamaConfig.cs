using System.Text.Json;

namespace LayerSwap.Benchmarks.Forward;

/// <summary>The figures of a config.json that a Llama's arithmetic needs.</summary>
internal sealed record LlamaConfig
{
    public required int Hidden { get; init; }

    public required int Layers { get; init; }

    public required int Heads { get; init; }

    public required int KeyValueHeads { get; init; }

    public required int HeadSize { get; init; }

    public required float NormEpsilon { get; init; }

    public required double RopeTheta { get; init; }

    public static LlamaConfig Read(ICheckpoint checkpoint)
    {
        string path = Path.Combine(checkpoint.Folder ?? throw new ArgumentException($"{checkpoint.Name} has no folder with a config.json."), "config.json");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
        JsonElement root = document.RootElement;
        string type = root.GetProperty("model_type").GetString() ?? "";
        if (type != "llama" || (root.TryGetProperty("rope_scaling", out JsonElement scaling) && scaling.ValueKind != JsonValueKind.Null))
        {
            throw new NotSupportedException($"{path}: a llama without rope scaling is expected; this is {type}.");
        }

        int hidden = root.GetProperty("hidden_size").GetInt32(), heads = root.GetProperty("num_attention_heads").GetInt32();
        return new LlamaConfig
        {
            Hidden = hidden,
            Layers = root.GetProperty("num_hidden_layers").GetInt32(),
            Heads = heads,
            KeyValueHeads = root.TryGetProperty("num_key_value_heads", out JsonElement kv) && kv.ValueKind == JsonValueKind.Number ? kv.GetInt32() : heads,
            HeadSize = root.TryGetProperty("head_dim", out JsonElement size) && size.ValueKind == JsonValueKind.Number ? size.GetInt32() : hidden / heads,
            NormEpsilon = root.GetProperty("rms_norm_eps").GetSingle(),
            RopeTheta = root.TryGetProperty("rope_theta", out JsonElement theta) ? theta.GetDouble() : 10000,
        };
    }
}
