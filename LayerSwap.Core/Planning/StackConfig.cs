using System.Text.Json.Nodes;
using LayerSwap.LayerMaps;

namespace LayerSwap.Planning;

/// <summary>The part of a config.json that speaks of a stack of layers, and the keys that its number of layers may be under.</summary>
/// <param name="Path">Where it is, such as <c>/text_config</c>; empty for the root.</param>
/// <param name="Section">The part.</param>
/// <param name="Keys">The keys, the most specific first.</param>
internal sealed record StackConfig(string Path, JsonObject Section, IReadOnlyList<string> Keys)
{
    private static readonly string[] TextSections = ["text_config", "llm_config", "language_config", "decoder_config", "thinker_config"];

    /// <summary>The number of layers, under the first key that says it; null if none does.</summary>
    public long? Layers => Keys.Select(k => Whole(Section[k])).FirstOrDefault(n => n is not null);

    /// <summary>Finds what speaks of a stack.</summary>
    /// <param name="root">The configuration.</param>
    /// <param name="stacks">All stacks of the model.</param>
    /// <param name="stack">One of them.</param>
    public static StackConfig Of(JsonObject root, IEnumerable<string> stacks, string stack)
    {
        bool decoder = StackClassifier.IsDecoder(stack), encoder = StackClassifier.IsEncoder(stack), both = HasBoth(stacks);
        string[] wanted = StackClassifier.Sees(stack) ? ["vision_config"] : StackClassifier.Hears(stack) ? ["audio_config"]
            : decoder && root["decoder"] is JsonObject ? ["decoder"] : encoder && root["encoder"] is JsonObject ? ["encoder"] : TextSections;
        string? name = Array.Find(wanted, n => root[n] is JsonObject);
        JsonObject section = name is null ? root : (JsonObject)root[name]!;
        string path = name is null ? "" : "/" + name;
        // One level more: the thinker of an omni model has a text_config of its own.
        if (name is not null && section["text_config"] is JsonObject inner)
        {
            (path, section) = (path + "/text_config", inner);
        }

        string[] keys = name is not null ? ["num_hidden_layers", "n_layer", "num_layers", "n_layers", "depth", "encoder_layers", "decoder_layers"]
            : decoder && both ? ["num_decoder_layers", "decoder_layers"]
            : decoder ? ["decoder_layers", "num_decoder_layers", "num_hidden_layers", "n_layer", "num_layers", "n_layers"]
            : encoder && both ? ["num_encoder_layers", "encoder_layers", "num_hidden_layers", "num_layers"]
            : ["num_hidden_layers", "n_layer", "num_layers", "n_layers", "depth", "encoder_layers", "decoder_layers"];
        return new StackConfig(path, section, keys);
    }

    /// <summary>Whether a model has an encoder and a decoder.</summary>
    public static bool HasBoth(IEnumerable<string> stacks) => stacks.Any(StackClassifier.IsDecoder) && stacks.Any(StackClassifier.IsEncoder);

    public static long? Whole(JsonNode? node) => (node as JsonValue)?.TryGetValue(out long number) == true ? number : null;
}
