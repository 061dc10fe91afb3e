using System.Text.Json.Nodes;
using LayerSwap.LayerMaps;

namespace LayerSwap.Planning;

/// <summary>The section of a config.json that describes a stack of layers, and the keys that may hold its layer count.</summary>
/// <param name="Path">The path of the section, such as <c>/text_config</c>; empty for the root.</param>
/// <param name="Section">The section.</param>
/// <param name="Keys">The keys, the most specific first.</param>
internal sealed record StackConfig(string Path, JsonObject Section, IReadOnlyList<string> Keys)
{
    private static readonly string[] TextSections =
        ["text_config", "llm_config", "language_config", "decoder_config", "thinker_config"];

    private static readonly string[] SectionKeys =
        ["num_hidden_layers", "n_layer", "num_layers", "n_layers", "depth", "encoder_layers", "decoder_layers"];

    /// <summary>The layer count under the first key that has one; null if none does.</summary>
    public long? Layers => Keys.Select(k => ReadInteger(Section[k])).FirstOrDefault(n => n is not null);

    /// <summary>Finds the section of a stack.</summary>
    /// <param name="root">The configuration.</param>
    /// <param name="stacks">All stacks of the model.</param>
    /// <param name="stack">One of them.</param>
    public static StackConfig Of(JsonObject root, IEnumerable<string> stacks, string stack)
    {
        string? name = Array.Find(SectionNamesOf(root, stack), n => root[n] is JsonObject);
        if (name is null)
        {
            return new StackConfig("", root, RootKeysOf(stack, HasEncoderAndDecoder(stacks)));
        }

        JsonObject section = (JsonObject)root[name]!;
        // The thinker of an omni model has a nested text_config.
        return section["text_config"] is JsonObject inner
            ? new StackConfig($"/{name}/text_config", inner, SectionKeys)
            : new StackConfig("/" + name, section, SectionKeys);
    }

    /// <summary>Whether a model has an encoder and a decoder.</summary>
    public static bool HasEncoderAndDecoder(IEnumerable<string> stacks) =>
        stacks.Any(StackClassifier.IsDecoder) && stacks.Any(StackClassifier.IsEncoder);

    public static long? ReadInteger(JsonNode? node) => (node as JsonValue)?.TryGetValue(out long number) == true ? number : null;

    private static string[] SectionNamesOf(JsonObject root, string stack)
    {
        if (StackClassifier.IsVision(stack))
        {
            return ["vision_config"];
        }

        if (StackClassifier.IsAudio(stack))
        {
            return ["audio_config"];
        }

        if (StackClassifier.IsDecoder(stack) && root["decoder"] is JsonObject)
        {
            return ["decoder"];
        }

        return StackClassifier.IsEncoder(stack) && root["encoder"] is JsonObject ? ["encoder"] : TextSections;
    }

    private static string[] RootKeysOf(string stack, bool both)
    {
        if (StackClassifier.IsDecoder(stack))
        {
            return both
                ? ["num_decoder_layers", "decoder_layers"]
                : ["decoder_layers", "num_decoder_layers", "num_hidden_layers", "n_layer", "num_layers", "n_layers"];
        }

        return both && StackClassifier.IsEncoder(stack)
            ? ["num_encoder_layers", "encoder_layers", "num_hidden_layers", "num_layers"]
            : SectionKeys;
    }
}
