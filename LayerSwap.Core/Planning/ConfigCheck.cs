using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;
using LayerSwap.LayerMaps;

namespace LayerSwap.Planning;

/// <summary>Compares the config.json of a model on disk with its tensors, by the rules by which a merge writes it: numbers of layers, lists with an entry for each layer, rows of tokens, tied heads.</summary>
internal static class ConfigCheck
{
    private static readonly string[] PerLayer = ["layer_types", "mlp_layer_types", "no_rope_layers", "layers_block_type", "attention_layers"];

    /// <summary>Finds what contradicts; empty for a model without a config.json.</summary>
    /// <exception cref="CheckpointException">The config.json cannot be read.</exception>
    public static IEnumerable<string> Problems(ICheckpoint model)
    {
        if (ModelConfig.TryRead(model) is not { } config)
        {
            yield break;
        }

        LayerMap map = LayerMap.Of(model);
        bool both = StackConfig.HasBoth(map.Stacks.Keys);
        foreach (string stack in map.Stacks.Keys.Where(s => !config.SharesLayers && (s == map.MainStack || (both && StackClassifier.IsEncoder(s) && !StackClassifier.IsSense(s)))))
        {
            StackConfig part = StackConfig.Of(config.Root, map.Stacks.Keys, stack);
            int layers = map.Stacks[stack];
            string place = part.Path.Length == 0 ? "" : $" in {part.Path[1..]}";
            if (part.Layers is { } said && said != layers)
            {
                yield return $"it says {part.Keys.First(k => StackConfig.Whole(part.Section[k]) is not null)} {said}{place}, and {Printable.Escape(stack)} has {layers} layers";
            }

            if (map.MissingLayers(stack) is { Count: > 0 } missing)
            {
                yield return $"it says that there are {layers} layers, and {Printable.Escape(stack)} lacks {Printable.List([.. missing.Select(m => m.ToString(System.Globalization.CultureInfo.InvariantCulture))], 6)}";
            }

            foreach (string key in PerLayer.Where(k => part.Section[k] is JsonArray { Count: > 0 } list && list.Count != layers))
            {
                yield return $"its list {key}{place} has {((JsonArray)part.Section[key]!).Count} entries, and {Printable.Escape(stack)} has {layers} layers";
            }
        }

        TensorInfo[] tables = [.. model.Tensors.Where(t => t.Shape.Rank == 2 && map[t.Name] is { IsTokenTable: true, InTower: false })];
        if (config.VocabularySize is { } tokens && tables.FirstOrDefault(t => map[t.Name].Kind == TensorKind.Embedding) is { } embedding && embedding.Shape[0] != tokens)
        {
            yield return $"it says vocab_size {tokens}, and {Printable.Escape(embedding.Name)} has {embedding.Shape[0]} rows";
        }

        if (config.TiedEmbeddings == false && tables.Length > 0 && !tables.Any(t => map[t.Name].Kind == TensorKind.Head) && !model.Tensors.Any(t => map[t.Name].Kind == TensorKind.Head) && HasLanguageHead(config))
        {
            yield return "it says tie_word_embeddings false, and there is no output head";
        }
    }

    /// <summary>Whether the architecture is one with an output projection onto tokens.</summary>
    private static bool HasLanguageHead(ModelConfig config) => config.Root["architectures"] is JsonArray names && names.Any(n => n?.ToString() is { } name
        && (name.EndsWith("ForCausalLM", StringComparison.Ordinal) || name.EndsWith("LMHeadModel", StringComparison.Ordinal) || name.EndsWith("ForConditionalGeneration", StringComparison.Ordinal)));
}
