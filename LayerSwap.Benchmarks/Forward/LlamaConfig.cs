using System.Text.Json;

namespace LayerSwap.Benchmarks.Forward;

/// <summary>The values of config.json that the forward pass needs.</summary>
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
        string folder = checkpoint.Folder ?? throw new ArgumentException($"{checkpoint.Name} has no folder with a config.json.");
        string path = Path.Combine(folder, "config.json");
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
            KeyValueHeads = Number("num_key_value_heads") ?? heads,
            HeadSize = Number("head_dim") ?? hidden / heads,
            NormEpsilon = root.GetProperty("rms_norm_eps").GetSingle(),
            RopeTheta = root.TryGetProperty("rope_theta", out JsonElement theta) ? theta.GetDouble() : 10000,
        };

        int? Number(string name) =>
            root.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetInt32() : null;
    }
}
