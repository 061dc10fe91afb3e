using System.Globalization;
using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;
using LayerSwap.LayerMaps;

namespace LayerSwap.Planning;

/// <summary>Compares a model's config.json with its tensors: layer counts, per-layer lists, vocabulary size, tied heads.</summary>
internal static class ConfigCheck
{
    private const int MaxListed = 6;

    private static readonly string[] PerLayerKeys =
        ["layer_types", "mlp_layer_types", "no_rope_layers", "layers_block_type", "attention_layers"];

    private static readonly string[] LanguageModelSuffixes = ["ForCausalLM", "LMHeadModel", "ForConditionalGeneration"];

    /// <summary>Finds contradictions; none for a model without a config.json.</summary>
    /// <exception cref="CheckpointException">The config.json cannot be read.</exception>
    public static IEnumerable<string> FindProblems(ICheckpoint model)
    {
        if (ModelConfig.TryRead(model) is not { } config)
        {
            yield break;
        }

        LayerMap map = LayerMap.Of(model);
        bool both = StackConfig.HasEncoderAndDecoder(map.Stacks.Keys);
        bool IsCounted(string stack) => !config.SharesLayers
            && (stack == map.MainStack || (both && StackClassifier.IsEncoder(stack) && !StackClassifier.IsVisionOrAudio(stack)));
        foreach (string stack in map.Stacks.Keys.Where(IsCounted))
        {
            StackConfig part = StackConfig.Of(config.Root, map.Stacks.Keys, stack);
            int layers = map.Stacks[stack];
            string place = part.Path.Length == 0 ? "" : $" in {part.Path[1..]}";
            if (part.Layers is { } stated && stated != layers)
            {
                string key = part.Keys.First(k => StackConfig.ReadInteger(part.Section[k]) is not null);
                yield return $"{key} is {stated}{place}, but {Printable.Escape(stack)} has {layers} layers";
            }

            if (map.FindMissingLayers(stack) is { Count: > 0 } missing)
            {
                string[] numbers = [.. missing.Select(m => m.ToString(CultureInfo.InvariantCulture))];
                yield return $"{Printable.Escape(stack)} should have {layers} layers, but lacks {Printable.List(numbers, MaxListed)}";
            }

            foreach (string key in PerLayerKeys.Where(k => part.Section[k] is JsonArray { Count: > 0 } list && list.Count != layers))
            {
                int entries = ((JsonArray)part.Section[key]!).Count;
                yield return $"the list {key}{place} has {entries} entries, but {Printable.Escape(stack)} has {layers} layers";
            }
        }

        TensorInfo[] tables =
            [.. model.Tensors.Where(t => t.Shape.Rank == 2 && map[t.Name] is { IsTokenTable: true, InTower: false })];
        if (config.VocabularySize is { } tokens
            && tables.FirstOrDefault(t => map[t.Name].Kind == TensorKind.Embedding) is { } embedding
            && embedding.Shape[0] != tokens)
        {
            yield return $"vocab_size is {tokens}, but {Printable.Escape(embedding.Name)} has {embedding.Shape[0]} rows";
        }

        if (config.TiedEmbeddings == false
            && tables.Length > 0
            && !model.Tensors.Any(t => map[t.Name].Kind == TensorKind.Head)
            && HasLanguageHead(config))
        {
            yield return "tie_word_embeddings is false, but there is no output head";
        }
    }

    /// <summary>Whether the architecture has an output projection onto tokens.</summary>
    private static bool HasLanguageHead(ModelConfig config) => config.Root["architectures"] is JsonArray names
        && names.Any(n => n?.ToString() is { } name && LanguageModelSuffixes.Any(s => name.EndsWith(s, StringComparison.Ordinal)));
}
