using System.Globalization;
using LayerSwap.Checkpoints;
using LayerSwap.Tensors;

namespace LayerSwap.Planning;

/// <summary>An input that has a config.json.</summary>
internal sealed record InputConfig(ICheckpoint Checkpoint, ModelConfig Config)
{
    public static InputConfig? TryRead(ICheckpoint checkpoint) => ModelConfig.TryRead(checkpoint) is { } config ? new(checkpoint, config) : null;
}

/// <summary>Holds the inputs against each other by what stands beside the weights: config.json and tokenizer.</summary>
internal static class InputCheck
{
    private static readonly (string Key, Func<ModelConfig, object?> Value)[] Figures =
    [
        ("model_type", c => c.ModelType),
        ("number of layers", c => c.Layers),
        ("hidden size", c => c.HiddenSize),
        ("number of attention heads", c => c.Heads),
        ("number of key/value heads", c => c.KeyValueHeads),
        ("tie_word_embeddings", c => c.TiedEmbeddings),
    ];

    /// <summary>Whether the output head is the embedding by another name, as every config that says anything says.</summary>
    public static bool IsTied(IEnumerable<ModelConfig> configs) => configs.Any() && configs.All(c => c.TiedEmbeddings == true);

    public static void Configs(IReadOnlyList<InputConfig> inputs, Problems problems)
    {
        foreach ((string key, Func<ModelConfig, object?> value) in Figures)
        {
            // Stacked layers are not what their donor's config.json counts.
            if (Differences(inputs.Where(i => i.Checkpoint is not MappedCheckpoint).Select(i => Said.By(i.Checkpoint, value(i.Config)))) is { } differences)
            {
                problems.Add($"config.json: the {key} differs: {differences}; models of one architecture are expected.");
            }
        }
    }

    /// <summary>Different vocabularies over tables that fit are no error: what the output says is shown.</summary>
    public static void Vocabularies(IReadOnlyList<InputConfig> inputs, List<string> warnings)
    {
        if (Differences(inputs.Select(i => Said.By(i.Checkpoint, i.Config.VocabularySize))) is { } differences)
        {
            warnings.Add($"config.json: the vocabulary differs: {differences}; the configuration written is that of the model that gives it, made to fit the embeddings.");
        }
    }

    public static void LayerCounts(IReadOnlyList<ICheckpoint> inputs, Problems problems)
    {
        // A model with the first one's names has its layers.
        LayerMap first = LayerMap.Of(inputs[0]);
        // What is stacked has layers of its own making: where they do not fit, a tensor is lacking.
        if (Differences(inputs.Where(i => i is not MappedCheckpoint { Slices: not null }).Select(i => Said.By(i, TensorList.SameNames(i, inputs[0]) ? first.LayerCount : LayerMap.Of(i).LayerCount))) is { } differences)
        {
            problems.Add($"The number of layers differs: {differences}; the same number is expected.");
        }
    }

    public static void Tokenizers(IReadOnlyList<ICheckpoint> inputs, Problems problems, List<string> warnings)
    {
        ICheckpoint? first = null;
        Dictionary<string, long>? expected = null;
        foreach (ICheckpoint input in inputs.DistinctBy(Companions.SourceOf))
        {
            if (TokenizerVocabulary.TryRead(input) is not { } found)
            {
                continue;
            }

            if (expected is null)
            {
                (first, expected) = (input, found);
                continue;
            }

            string between = $"{Printable.Escape(first!.Name)} and {Printable.Escape(input.Name)}";
            KeyValuePair<string, long> moved = found.FirstOrDefault(t => expected.TryGetValue(t.Key, out long id) && id != t.Value);
            if (moved.Key is not null)
            {
                problems.Add($"The tokenizers of {between} differ: token {Printable.Escape(moved.Key)} has the number {expected[moved.Key]} in the first and {moved.Value} in the second, "
                    + "so rows of the embeddings mean different tokens. Remedy: merge models of one tokenizer.");
            }
            else if (found.Count != expected.Count || found.Keys.Any(k => !expected.ContainsKey(k)))
            {
                warnings.Add($"The tokenizers of {between} have different tokens ({expected.Count} and {found.Count}); the tokenizer written is the one the plan names.");
            }
        }
    }

    /// <summary>Who says what, where not all who say anything say the same; null where they do.</summary>
    private static string? Differences(IEnumerable<Said> all)
    {
        Said[] said = [.. all.Where(s => s.Value.Length > 0)];
        return said.Select(s => s.Value).Distinct(StringComparer.Ordinal).Count() <= 1 ? null
            : string.Join(", ", said.Select(s => $"{Printable.Escape(s.Value)} in {Printable.Escape(s.Name)}"));
    }

    private sealed record Said(string Name, string Value)
    {
        public static Said By(ICheckpoint checkpoint, object? value) => new(checkpoint.Name, Convert.ToString(value, CultureInfo.InvariantCulture) ?? "");
    }
}
