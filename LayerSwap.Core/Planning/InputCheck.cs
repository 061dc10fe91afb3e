using System.Globalization;
using LayerSwap.Checkpoints;
using LayerSwap.Common;

namespace LayerSwap.Planning;

/// <summary>An input that has a config.json.</summary>
internal sealed record InputConfig(ICheckpoint Checkpoint, ModelConfig Config)
{
    public static InputConfig? TryRead(ICheckpoint checkpoint) =>
        ModelConfig.TryRead(checkpoint) is { } config ? new(checkpoint, config) : null;
}

/// <summary>Compares the config.json files and tokenizers of the inputs.</summary>
internal static class InputCheck
{
    private const int MaxListed = 6;
    private const string TemplateFile = "chat_template.jinja";
    private const string TokenizerConfigFile = "tokenizer_config.json";
    private const string GenerationFile = "generation_config.json";
    private const string EndKey = "eos_token_id";

    /// <summary>Settings that must be equal in all inputs.</summary>
    private static readonly (string Key, Func<ModelConfig, object?> Value)[] RequiredSettings =
    [
        ("model_type", c => c.ModelType),
        ("number of layers", c => c.Layers),
        ("hidden size", c => c.HiddenSize),
        ("number of attention heads", c => c.Heads),
        ("number of key/value heads", c => c.KeyValueHeads),
    ];

    /// <summary>Settings that change what tensors mean, but not their shapes.</summary>
    private static readonly string[] BehaviourKeys =
    [
        "rope_theta", "rope_scaling", "rope_local_base_freq", "partial_rotary_factor",
        "hidden_act", "hidden_activation", "activation_function",
        "rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "sliding_window",
        "attn_logit_softcapping", "final_logit_softcapping", "query_pre_attn_scalar",
        "embedding_multiplier", "logits_scaling", "residual_multiplier", "attention_multiplier",
    ];

    public static void CheckConfigs(
        IReadOnlyList<InputConfig> inputs, InputCautions allowed, ProblemList problems, List<string> warnings)
    {
        // The config.json of a stacked model counts the layers of the model it was copied from.
        InputConfig[] unstacked = [.. inputs.Where(i => i.Checkpoint is not MappedCheckpoint)];
        foreach ((string key, Func<ModelConfig, object?> value) in RequiredSettings)
        {
            if (Differences(unstacked.Select(i => InputValue.Of(i.Checkpoint, value(i.Config)))) is not { } differences)
            {
                continue;
            }

            string text = $"config.json: the {key} differs: {differences}";
            if (key == "model_type" && allowed.HasFlag(InputCautions.ModelType))
            {
                warnings.Add($"{text}; allowed, since every tensor fits. "
                    + "The output's config.json is copied from the model that gives the configuration.");
            }
            else
            {
                string remedy = key == "model_type"
                    ? " Remedy: if the same names mean the same in both, allow it (--allow model_type, Allow in code)."
                    : "";
                problems.Add($"{text}; models of one architecture are expected.{remedy}");
            }
        }

        foreach (string key in BehaviourKeys)
        {
            // A missing key differs too: the model's code then uses its own default.
            string[] values = [.. inputs.Select(i => i.Config.GetJson(key) ?? "nothing")];
            if (values.Distinct(StringComparer.Ordinal).Count() > 1)
            {
                IEnumerable<string> found =
                    inputs.Zip(values, (i, v) => $"{Printable.Escape(v)} in {Printable.Escape(i.Checkpoint.Name)}");
                warnings.Add($"config.json: {key} differs: {string.Join(", ", found)}; one model cannot behave like both. "
                    + "The output's config.json is copied from the model that gives the configuration.");
            }
        }
    }

    /// <summary>Reports a configuration source whose tensors were renamed to match another architecture.</summary>
    public static void CheckRenamedSource(PlanRequest request, IReadOnlyList<InputConfig> configs, ProblemList problems)
    {
        static string? ModelTypeOf(InputConfig config) => config.Config.Root["model_type"]?.ToString();
        static string Describe(InputConfig config) => Printable.Escape(ModelTypeOf(config) ?? "no model_type");
        static bool IsMapped(InputConfig config) => config.Checkpoint is RenamedCheckpoint { IsMapped: true };
        if (configs.FirstOrDefault(c => c.Checkpoint == request.ConfigSource) is { } source && IsMapped(source)
            && configs.FirstOrDefault(c => !IsMapped(c) && ModelTypeOf(c) != ModelTypeOf(source)) is { } target)
        {
            problems.Add($"{Printable.Escape(source.Checkpoint.Name)} gives the configuration ({Describe(source)}), "
                + $"but its names are mapped to the names in {Printable.Escape(target.Checkpoint.Name)} ({Describe(target)}): "
                + "programs that load the output would look for other names. Remedy: let the other model give the configuration "
                + "(as --task, as --base, or as the first model), or map its names instead.");
        }
    }

    /// <summary>Reports inputs without a stored head of which only some tie it to the embeddings: the others lack it.</summary>
    public static void CheckHeads(IReadOnlyList<InputConfig> inputs, ProblemList problems)
    {
        if (!inputs.Any(i => TiedHeads.HasHead(i.Checkpoint))
            && Differences(inputs.Select(i => InputValue.Of(i.Checkpoint, i.Config.TiedEmbeddings))) is { } differences)
        {
            problems.Add($"config.json: tie_word_embeddings differs: {differences}; and no model has a separate head. "
                + "Remedy: fetch all files of the model that is not tied.");
        }
    }

    /// <summary>Reports models whose number of layers is not the one in their config.json.</summary>
    public static void CheckCompleteness(IReadOnlyList<InputConfig> inputs, InputCautions allowed, ProblemList problems)
    {
        if (allowed.HasFlag(InputCautions.Layers))
        {
            return;
        }

        IEnumerable<InputConfig> owners = inputs.Select(i => i with { Checkpoint = AuxiliaryFiles.FindOwner(i.Checkpoint) })
            .DistinctBy(i => i.Checkpoint)
            .Where(i => i.Checkpoint is not IComputedCheckpoint);
        foreach ((ICheckpoint checkpoint, ModelConfig config) in owners)
        {
            LayerMap map = LayerMap.Of(checkpoint);
            if (config.SharesLayers
                || map.MainStack is not { } stack
                || StackConfig.Of(config.Root, map.Stacks.Keys, stack).Layers is not { } stated)
            {
                continue;
            }

            string[] missing = [.. map.FindMissingLayers(stack).Select(m => m.ToString(CultureInfo.InvariantCulture))];
            if (map.LayerCount != stated || missing.Length > 0)
            {
                string lacking = map.LayerCount == stated ? $" (it lacks {Printable.List(missing, MaxListed)})" : "";
                string verdict = map.LayerCount > stated ? "the config.json is of another model" : "the model is not whole";
                problems.Add($"{Printable.Escape(checkpoint.Name)} has {map.LayerCount} layers{lacking}, "
                    + $"but its config.json says {stated}: {verdict}. "
                    + "Remedy: fetch all of its files; or, if it is meant to be so, allow it (--allow layers, Allow in code).");
            }
        }
    }

    /// <summary>Warns if the output ends a text by another token than an input, or lacks a chat template that an input has.</summary>
    public static void CheckEndTokens(PlanRequest request, IReadOnlyList<InputConfig> configs, List<string> warnings)
    {
        ICheckpoint tokenizer = request.TokenizerSource ?? request.ConfigSource;
        (ICheckpoint Model, string? End)[] ends =
            [.. request.Inputs.Append(tokenizer).Distinct().Select(i => (i, EndTokenOf(i, configs)))];
        string? outputEnd = Array.Find(ends, e => e.Model == tokenizer).End;
        if (outputEnd is not null
            && Array.FindAll(ends, e => e.End is not null && e.End != outputEnd) is { Length: > 0 } others)
        {
            IEnumerable<string> otherEnds = others.Select(o => $"{Printable.Escape(o.Model.Name)} by {o.End}");
            warnings.Add($"The output ends a text by eos_token_id {outputEnd}, as {Printable.Escape(tokenizer.Name)} does; "
                + $"{string.Join(", ", otherEnds)}. A model that was trained to stop at another token may not stop: "
                + "take the tokenizer from it (tokenizer_source in a recipe).");
        }

        if (!HasTemplate(tokenizer)
            && !request.ReplacedFiles.ContainsKey(TemplateFile)
            && request.Inputs.Where(HasTemplate).ToArray() is { Length: > 0 } with)
        {
            warnings.Add($"{string.Join(", ", with.Select(w => Printable.Escape(w.Name)))} {(with.Length == 1 ? "has" : "have")} "
                + $"a chat template, and {Printable.Escape(tokenizer.Name)}, which gives the tokenizer, has none: "
                + "the output has none either. "
                + "Take the tokenizer from one that has it (tokenizer_source), or name a template (chat_template) in a recipe.");
        }
    }

    private static string? EndTokenOf(ICheckpoint model, IReadOnlyList<InputConfig> configs)
    {
        if (ModelConfig.TryReadFile(model, GenerationFile)?.GetJson(EndKey) is { } end)
        {
            return end;
        }

        ModelConfig? config = configs.FirstOrDefault(c => c.Checkpoint == model)?.Config ?? ModelConfig.TryRead(model);
        return config?.GetJson(EndKey);
    }

    private static bool HasTemplate(ICheckpoint model) => AuxiliaryFiles.Has(model, TemplateFile)
        || ModelConfig.TryReadFile(model, TokenizerConfigFile)?.Has("chat_template") == true;

    /// <summary>Warns of different vocabulary sizes: no error, since the tables fit.</summary>
    public static void CheckVocabularySizes(IReadOnlyList<InputConfig> inputs, List<string> warnings)
    {
        if (Differences(inputs.Select(i => InputValue.Of(i.Checkpoint, i.Config.VocabularySize))) is { } differences)
        {
            warnings.Add($"config.json: the vocabulary differs: {differences}; the output's config.json is copied from the model "
                + "that gives the configuration, with vocab_size set to the rows of the embeddings.");
        }
    }

    public static void CheckLayerCounts(IReadOnlyList<ICheckpoint> inputs, ProblemList problems)
    {
        LayerMap first = LayerMap.Of(inputs[0]);
        // Equal names mean equal layers: such inputs need no map of their own.
        int CountOf(ICheckpoint input) =>
            TensorList.HaveSameNames(input, inputs[0]) ? first.LayerCount : LayerMap.Of(input).LayerCount;

        // A stack of slices with too few layers is reported by the tensors that it lacks.
        IEnumerable<InputValue> counts = inputs.Where(i => i is not MappedCheckpoint { Slices: not null })
            .Select(i => InputValue.Of(i, CountOf(i)));
        if (Differences(counts) is { } differences)
        {
            problems.Add($"The number of layers differs: {differences}; the same number is expected.");
        }
    }

    public static void CheckTokenizers(IReadOnlyList<ICheckpoint> inputs, ProblemList problems, List<string> warnings)
    {
        ICheckpoint? first = null;
        TokenizerVocabulary? expected = null;
        foreach (ICheckpoint input in inputs.DistinctBy(AuxiliaryFiles.FindSource))
        {
            if (TokenizerVocabulary.TryRead(input) is not { } found)
            {
                continue;
            }

            if (found.Disagreement is var (token, stated))
            {
                warnings.Add($"The tokenizer.json of {Printable.Escape(input.Name)} gives token {Printable.Escape(token)} "
                    + $"the id {stated}, but programs that load it use {found.Ids[token]}, and so does the merge.");
            }

            if (expected is null)
            {
                (first, expected) = (input, found);
            }
            else
            {
                string names = $"{Printable.Escape(first!.Name)} and {Printable.Escape(input.Name)}";
                CompareVocabularies(names, expected, found, problems, warnings);
            }
        }
    }

    private static void CompareVocabularies(
        string names, TokenizerVocabulary first, TokenizerVocabulary second, ProblemList problems, List<string> warnings)
    {
        KeyValuePair<string, long> moved =
            second.Ids.FirstOrDefault(t => first.Ids.TryGetValue(t.Key, out long id) && id != t.Value);
        if (moved.Key is not null)
        {
            problems.Add($"The tokenizers of {names} differ: token {Printable.Escape(moved.Key)} has the id "
                + $"{first.Ids[moved.Key]} in the first and {moved.Value} in the second, "
                + "so rows of the embeddings mean different tokens. "
                + "Remedy: merge them by a recipe with tokenizer_source: base (or union), which puts rows on their tokens; "
                + "or merge models of one tokenizer.");
        }
        else if (second.IsComplete && first.IsComplete
            && (second.Ids.Count != first.Ids.Count || second.Ids.Keys.Any(k => !first.Ids.ContainsKey(k))))
        {
            Dictionary<long, string> texts = first.Ids.DistinctBy(t => t.Value).ToDictionary(t => t.Value, t => t.Key);
            KeyValuePair<string, long> renamed = second.Ids.FirstOrDefault(t =>
                texts.TryGetValue(t.Value, out string? text) && text != t.Key && !first.Ids.ContainsKey(t.Key));
            string example = renamed.Key is null
                ? ""
                : $" Row {renamed.Value} is {Printable.Escape(texts[renamed.Value])} in the first "
                    + $"and {Printable.Escape(renamed.Key)} in the second.";
            warnings.Add($"The tokenizers of {names} have different tokens ({first.Ids.Count} and {second.Ids.Count}); "
                + $"the tokenizer written is the one the plan names.{example}");
        }
    }

    /// <summary>Lists the values with their inputs; null if all inputs with a value have the same one.</summary>
    private static string? Differences(IEnumerable<InputValue> all)
    {
        InputValue[] values = [.. all.Where(v => v.Value.Length > 0)];
        return values.DistinctBy(v => v.Value, StringComparer.Ordinal).Count() <= 1
            ? null
            : string.Join(", ", values.Select(v => $"{Printable.Escape(v.Value)} in {Printable.Escape(v.Name)}"));
    }

    /// <summary>A setting's value in one input; empty if the input has none.</summary>
    private sealed record InputValue(string Name, string Value)
    {
        public static InputValue Of(ICheckpoint checkpoint, object? value) =>
            new(checkpoint.Name, Convert.ToString(value, CultureInfo.InvariantCulture) ?? "");
    }
}
