using System.Globalization;
using LayerSwap.Checkpoints;
using LayerSwap.Common;

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
    ];

    private const string TemplateFile = "chat_template.jinja", TokenizerConfigFile = "tokenizer_config.json", GenerationFile = "generation_config.json", EndKey = "eos_token_id";

    /// <summary>What tensors mean depends on these, and no tensor shows it.</summary>
    private static readonly string[] Meanings =
    [
        "rope_theta", "rope_scaling", "rope_local_base_freq", "partial_rotary_factor", "hidden_act", "hidden_activation", "activation_function", "rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "sliding_window",
        "attn_logit_softcapping", "final_logit_softcapping", "query_pre_attn_scalar", "embedding_multiplier", "logits_scaling", "residual_multiplier", "attention_multiplier",
    ];

    public static void Configs(IReadOnlyList<InputConfig> inputs, InputCautions allowed, ProblemList problems, List<string> warnings)
    {
        foreach ((string key, Func<ModelConfig, object?> value) in Figures)
        {
            // Stacked layers are not what their donor's config.json counts.
            if (Differences(inputs.Where(i => i.Checkpoint is not MappedCheckpoint).Select(i => Said.By(i.Checkpoint, value(i.Config)))) is not { } differences)
            {
                continue;
            }

            string text = $"config.json: the {key} differs: {differences}";
            if (key == "model_type" && allowed.HasFlag(InputCautions.ModelType))
            {
                warnings.Add($"{text}; allowed, since every tensor fits. The configuration written is that of the model that gives it.");
            }
            else
            {
                problems.Add($"{text}; models of one architecture are expected.{(key == "model_type" ? " Remedy: if the same names mean the same in both, allow it (--allow model_type, Allow in code)." : "")}");
            }
        }

        foreach (string key in Meanings)
        {
            // What only some say is told too: the others go by the default of their code.
            string[] said = [.. inputs.Select(i => i.Config.Value(key) ?? "nothing")];
            if (said.Distinct(StringComparer.Ordinal).Count() > 1)
            {
                warnings.Add($"config.json: {key} differs: {string.Join(", ", inputs.Zip(said, (i, v) => $"{Printable.Escape(v)} in {Printable.Escape(i.Checkpoint.Name)}"))}; one model cannot behave like both. The configuration written is that of the model that gives it.");
            }
        }
    }

    /// <summary>Names a model that gives the configuration, but not the names that tensors have: its own were mapped to those of a model of another architecture.</summary>
    public static void RenamedDonor(PlanRequest request, IReadOnlyList<InputConfig> configs, ProblemList problems)
    {
        static string? Architecture(InputConfig config) => config.Config.Root["model_type"]?.ToString();
        if (configs.FirstOrDefault(c => c.Checkpoint == request.Donor) is { Checkpoint: RenamedCheckpoint { IsMapped: true } } donor
            && configs.FirstOrDefault(c => c.Checkpoint is not RenamedCheckpoint { IsMapped: true } && Architecture(c) != Architecture(donor)) is { } other)
        {
            problems.Add($"{Printable.Escape(donor.Checkpoint.Name)} gives the configuration ({Printable.Escape(Architecture(donor) ?? "no model_type")}), but its names are mapped to those of {Printable.Escape(other.Checkpoint.Name)} ({Printable.Escape(Architecture(other) ?? "no model_type")}): "
                + "programs that load the output would look for other names. Remedy: let the other model give the configuration (as --task, as --base, or as the first model), or map its names instead.");
        }
    }

    /// <summary>Names models of which some tie their heads to their embeddings and some do not, though none has a head: those that do not lack it.</summary>
    public static void Heads(IReadOnlyList<InputConfig> inputs, ProblemList problems)
    {
        if (!inputs.Any(i => TiedHeads.HasHead(i.Checkpoint)) && Differences(inputs.Select(i => Said.By(i.Checkpoint, i.Config.TiedEmbeddings))) is { } differences)
        {
            problems.Add($"config.json: the tie_word_embeddings differs: {differences}; and no model has a head of its own. Remedy: fetch all files of the model that is not tied.");
        }
    }

    /// <summary>Names models that have fewer layers than their config.json says: half a model.</summary>
    public static void WholeModels(IReadOnlyList<InputConfig> inputs, InputCautions allowed, ProblemList problems)
    {
        foreach ((ICheckpoint checkpoint, ModelConfig config) in inputs.Select(i => i with { Checkpoint = AuxiliaryFiles.OwnerOf(i.Checkpoint) }).DistinctBy(i => i.Checkpoint).Where(i => i.Checkpoint is not IComputedCheckpoint))
        {
            LayerMap map = LayerMap.Of(checkpoint);
            if (!allowed.HasFlag(InputCautions.Layers) && !config.SharesLayers && map.MainStack is { } stack && StackConfig.Of(config.Root, map.Stacks.Keys, stack).Layers is { } said && (map.LayerCount != said || map.MissingLayers(stack).Count > 0))
            {
                string lacking = map.LayerCount == said ? $" (it lacks {Printable.List([.. map.MissingLayers(stack).Select(m => m.ToString(CultureInfo.InvariantCulture))], 6)})" : "";
                problems.Add($"{Printable.Escape(checkpoint.Name)} has {map.LayerCount} layers{lacking}, but its config.json says {said}: the model is not {(map.LayerCount > said ? "the one that it says" : "whole")}. Remedy: fetch all of its files; or, if it is meant to be so, allow it (--allow layers, Allow in code).");
            }
        }
    }

    /// <summary>Warns where the model that gives the configuration ends a text by another token than the others, or lacks the chat template that they have: the merge would not stop as they do.</summary>
    public static void Endings(PlanRequest request, IReadOnlyList<InputConfig> configs, List<string> warnings)
    {
        ICheckpoint donor = request.Tokenizer ?? request.Donor;
        (ICheckpoint Model, string? End)[] ends = [.. request.Inputs.Append(donor).Distinct().Select(i => (i, EndOf(i, configs)))];
        string? own = Array.Find(ends, e => e.Model == donor).End;
        if (own is not null && Array.FindAll(ends, e => e.End is not null && e.End != own) is { Length: > 0 } others)
        {
            warnings.Add($"The output ends a text by eos_token_id {own}, as {Printable.Escape(donor.Name)} does; {string.Join(", ", others.Select(o => $"{Printable.Escape(o.Model.Name)} by {o.End}"))}. "
                + "A model that was taught to stop at another token may not stop: take the tokenizer from it (tokenizer_source in a recipe).");
        }

        if (!HasTemplate(donor) && !request.Beside.ContainsKey(TemplateFile) && request.Inputs.Where(HasTemplate).ToArray() is { Length: > 0 } with)
        {
            warnings.Add($"{string.Join(", ", with.Select(w => Printable.Escape(w.Name)))} {(with.Length == 1 ? "has" : "have")} a chat template, and {Printable.Escape(donor.Name)}, which gives the tokenizer, has none: the output has none either. "
                + "Take the tokenizer from one that has it (tokenizer_source), or name a template (chat_template) in a recipe.");
        }
    }

    private static string? EndOf(ICheckpoint model, IReadOnlyList<InputConfig> configs) =>
        ModelConfig.TryReadFile(model, GenerationFile)?.Value(EndKey) ?? (configs.FirstOrDefault(c => c.Checkpoint == model)?.Config ?? ModelConfig.TryRead(model))?.Value(EndKey);

    private static bool HasTemplate(ICheckpoint model) => AuxiliaryFiles.Has(model, TemplateFile) || ModelConfig.TryReadFile(model, TokenizerConfigFile)?.Has("chat_template") == true;

    /// <summary>Different vocabularies over tables that fit are no error: what the output says is shown.</summary>
    public static void Vocabularies(IReadOnlyList<InputConfig> inputs, List<string> warnings)
    {
        if (Differences(inputs.Select(i => Said.By(i.Checkpoint, i.Config.VocabularySize))) is { } differences)
        {
            warnings.Add($"config.json: the vocabulary differs: {differences}; the configuration written is that of the model that gives it, made to fit the embeddings.");
        }
    }

    public static void LayerCounts(IReadOnlyList<ICheckpoint> inputs, ProblemList problems)
    {
        // A model with the first one's names has its layers.
        LayerMap first = LayerMap.Of(inputs[0]);
        // What is stacked has layers of its own making: where they do not fit, a tensor is lacking.
        if (Differences(inputs.Where(i => i is not MappedCheckpoint { Slices: not null }).Select(i => Said.By(i, TensorList.SameNames(i, inputs[0]) ? first.LayerCount : LayerMap.Of(i).LayerCount))) is { } differences)
        {
            problems.Add($"The number of layers differs: {differences}; the same number is expected.");
        }
    }

    public static void Tokenizers(IReadOnlyList<ICheckpoint> inputs, ProblemList problems, List<string> warnings)
    {
        ICheckpoint? first = null;
        TokenizerVocabulary? expected = null;
        foreach (ICheckpoint input in inputs.DistinctBy(AuxiliaryFiles.SourceOf))
        {
            if (TokenizerVocabulary.TryRead(input) is not { } found)
            {
                continue;
            }

            if (found.Disagreement is var (token, stated))
            {
                warnings.Add($"The tokenizer.json of {Printable.Escape(input.Name)} gives token {Printable.Escape(token)} the id {stated}, and programs that load it give it {found.Ids[token]}: rows are those of the latter.");
            }

            if (expected is null)
            {
                (first, expected) = (input, found);
                continue;
            }

            string between = $"{Printable.Escape(first!.Name)} and {Printable.Escape(input.Name)}";
            KeyValuePair<string, long> moved = found.Ids.FirstOrDefault(t => expected.Ids.TryGetValue(t.Key, out long id) && id != t.Value);
            if (moved.Key is not null)
            {
                problems.Add($"The tokenizers of {between} differ: token {Printable.Escape(moved.Key)} has the number {expected.Ids[moved.Key]} in the first and {moved.Value} in the second, "
                    + "so rows of the embeddings mean different tokens. Remedy: merge them by a recipe with tokenizer_source: base (or union), which puts rows on their tokens; or merge models of one tokenizer.");
            }
            else if (found.IsWhole && expected.IsWhole && (found.Ids.Count != expected.Ids.Count || found.Ids.Keys.Any(k => !expected.Ids.ContainsKey(k))))
            {
                Dictionary<long, string> texts = expected.Ids.DistinctBy(t => t.Value).ToDictionary(t => t.Value, t => t.Key);
                KeyValuePair<string, long> renamed = found.Ids.FirstOrDefault(t => texts.TryGetValue(t.Value, out string? text) && text != t.Key && !expected.Ids.ContainsKey(t.Key));
                warnings.Add($"The tokenizers of {between} have different tokens ({expected.Ids.Count} and {found.Ids.Count}); the tokenizer written is the one the plan names."
                    + (renamed.Key is null ? "" : $" Row {renamed.Value} is {Printable.Escape(texts[renamed.Value])} in the first and {Printable.Escape(renamed.Key)} in the second."));
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
