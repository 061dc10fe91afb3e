using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;
using LayerSwap.Common;

namespace LayerSwap.Planning;

/// <summary>What must change in the donor's config.json so that it agrees with the tensors written.</summary>
internal static class ConfigChanges
{
    private static readonly string[] DTypeKeys = ["dtype", "torch_dtype"];
    /// <summary>The ids by which texts begin, end and are filled up.</summary>
    public static readonly string[] TokenKeys = ["bos_token_id", "eos_token_id", "pad_token_id"];

    public static IReadOnlyDictionary<string, JsonNode> Of(PlanRequest request, ModelConfig? config, IReadOnlyList<Decision> tables, bool unties, ProblemList problems, List<string> warnings)
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

        if (unties && config.TiedEmbeddings != false)
        {
            changes["tie_word_embeddings"] = JsonValue.Create(false);
        }

        Decision? embedding = tables.FirstOrDefault(d => d.Place.Kind == TensorKind.Embedding && d.Output.Shape.Rank == 2
            && (request.Tokenizer is not null || request.Donor.Find(d.Output.Name)?.Shape[0] == config.VocabularySize));
        if (embedding is not null && embedding.Output.Shape[0] != config.VocabularySize)
        {
            changes["vocab_size"] = JsonValue.Create(embedding.Output.Shape[0]);
        }

        // A tokenizer that comes from another model brings the tokens that begin, end and fill a text.
        if (request.Tokenizer is { } tokenizer && AuxiliaryFiles.SourceOf(tokenizer) != AuxiliaryFiles.SourceOf(request.Donor))
        {
            ModelConfig? other = ModelConfig.TryRead(tokenizer), generation = ModelConfig.TryReadFile(tokenizer, "generation_config.json");
            foreach (string key in TokenKeys)
            {
                if ((other?.Copy(key) ?? generation?.Copy(key)) is { } value && value.ToJsonString() != config.Value(key))
                {
                    changes[key] = value;
                }
            }

            TokenIds ids = new(request.Donor, tokenizer);
            foreach ((string path, JsonNode value) in ids.Moved(config.Root, "").Where(m => !changes.ContainsKey(m.Path[(m.Path.LastIndexOf('/') + 1)..])))
            {
                changes[path] = value;
            }

            warnings.AddRange(ids.Lacking.Select(l => $"config.json: {l}"));
        }

        // Layers may be stacked in a part of the model only, whose donor another is.
        MappedCheckpoint? stacked = request.Donor as MappedCheckpoint ?? request.Inputs.OfType<MappedCheckpoint>().FirstOrDefault(i => i.DonorLayers is not null);
        if (stacked?.DonorLayers is { } order)
        {
            ICheckpoint owner = AuxiliaryFiles.OwnerOf(stacked);
            LayerMap map = LayerMap.Of(owner);
            string? chosen = ((ICheckpointView)stacked).MainStack;
            LayerNumbering.Apply(config, request.Donor.Name, chosen is not null && map.Stacks.ContainsKey(chosen) ? LayerMap.Of(owner.WithMainStack(chosen)) : map, order, changes, problems);
        }

        return changes;
    }
}
