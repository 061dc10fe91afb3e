using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;
using LayerSwap.Common;

namespace LayerSwap.Planning;

/// <summary>The changes that make the copied config.json agree with the output's tensors.</summary>
internal static class ConfigChanges
{
    /// <summary>The keys of the tokens that begin, end and pad a text.</summary>
    public static readonly string[] TokenKeys = ["bos_token_id", "eos_token_id", "pad_token_id"];

    private static readonly string[] DTypeKeys = ["dtype", "torch_dtype"];

    /// <returns>New values, by key or by path such as <c>/text_config/num_hidden_layers</c>.</returns>
    public static IReadOnlyDictionary<string, JsonNode> Find(
        PlanRequest request,
        ModelConfig? config,
        IReadOnlyList<TensorDecision> tokenTables,
        bool untied,
        ProblemList problems,
        List<string> warnings)
    {
        Dictionary<string, JsonNode> changes = new(StringComparer.Ordinal);
        if (config is null)
        {
            return changes;
        }

        string? dtype = request.DType switch
        {
            DType.Float32 => "float32",
            DType.Float16 => "float16",
            DType.BFloat16 => "bfloat16",
            DType.Float64 => "float64",
            _ => null,
        };
        foreach (string key in DTypeKeys.Where(k => dtype is not null && config.Has(k)))
        {
            changes[key] = JsonValue.Create(dtype!);
        }

        if (untied && config.TiedEmbeddings != false)
        {
            changes["tie_word_embeddings"] = JsonValue.Create(false);
        }

        TensorDecision? embedding = tokenTables.FirstOrDefault(d => d.Place.Kind == TensorKind.Embedding && d.Output.Shape.Rank == 2
            && (request.TokenizerSource is not null || request.ConfigSource.Find(d.Output.Name)?.Shape[0] == config.VocabularySize));
        if (embedding is not null && embedding.Output.Shape[0] != config.VocabularySize)
        {
            changes["vocab_size"] = JsonValue.Create(embedding.Output.Shape[0]);
        }

        if (request.TokenizerSource is { } tokenizer
            && AuxiliaryFiles.FindSource(tokenizer) != AuxiliaryFiles.FindSource(request.ConfigSource))
        {
            AddTokenIds(request.ConfigSource, tokenizer, config, changes, warnings);
        }

        AddLayers(request, config, changes, problems);
        return changes;
    }

    /// <summary>Takes the ids of named tokens from another model's tokenizer.</summary>
    private static void AddTokenIds(
        ICheckpoint model, ICheckpoint tokenizer, ModelConfig config, Dictionary<string, JsonNode> changes, List<string> warnings)
    {
        ModelConfig? tokenizerConfig = ModelConfig.TryRead(tokenizer);
        ModelConfig? generation = ModelConfig.TryReadFile(tokenizer, "generation_config.json");
        foreach (string key in TokenKeys)
        {
            if ((tokenizerConfig?.Copy(key) ?? generation?.Copy(key)) is { } value && value.ToJsonString() != config.GetJson(key))
            {
                changes[key] = value;
            }
        }

        TokenIdMapper ids = new(model, tokenizer);
        foreach ((string path, JsonNode value) in ids.MapIds(config.Root, "")
            .Where(m => !changes.ContainsKey(m.Path[(m.Path.LastIndexOf('/') + 1)..])))
        {
            changes[path] = value;
        }

        warnings.AddRange(ids.Warnings.Select(l => $"config.json: {l}"));
    }

    private static void AddLayers(PlanRequest request, ModelConfig config, Dictionary<string, JsonNode> changes, ProblemList problems)
    {
        // If only one module of the model is stacked, another model gives the configuration.
        MappedCheckpoint? stacked = request.ConfigSource as MappedCheckpoint
            ?? request.Inputs.OfType<MappedCheckpoint>().FirstOrDefault(i => i.SourceLayers is not null);
        if (stacked?.SourceLayers is not { } order)
        {
            return;
        }

        ICheckpoint owner = AuxiliaryFiles.FindOwner(stacked);
        LayerMap map = LayerMap.Of(owner);
        if (((ICheckpointView)stacked).MainStack is { } mainStack && map.Stacks.ContainsKey(mainStack))
        {
            map = LayerMap.Of(owner.WithMainStack(mainStack));
        }

        LayerNumbering.Apply(config, request.ConfigSource.Name, map, order, changes, problems);
    }
}
