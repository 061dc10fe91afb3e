using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LayerSwap.Checkpoints;
using LayerSwap.Common;
using LayerSwap.LayerMaps;

namespace LayerSwap.Planning;

/// <summary>
/// Rewrites the settings of config.json that depend on layer numbers, after layers were stacked or removed: layer counts, lists with an
/// entry per layer, lists of layer numbers. A period cannot follow a new order: it is refused if it would select other layers.
/// </summary>
internal sealed partial class LayerNumbering
{
    private const RegexOptions KeyOptions = RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture;

    /// <summary>Settings that select layers by number, with the list that overrides the setting where config.json has it.</summary>
    private static readonly (string Key, Func<long, long, bool> Selects, string? List)[] Periods =
    [
        ("sliding_window_pattern", (i, p) => (i + 1) % p != 0, "layer_types"),
        ("_sliding_window_pattern", (i, p) => (i + 1) % p != 0, "layer_types"),
        ("full_attention_interval", (i, p) => (i + 1) % p == 0, "layer_types"),
        ("global_attn_every_n_layers", (i, p) => i % p == 0, "layer_types"),
        ("max_window_layers", (i, k) => i >= k, "layer_types"),
        ("no_rope_layer_interval", (i, p) => (i + 1) % p == 0, "no_rope_layers"),
        ("interleave_moe_layer_step", (i, p) => (i + 1) % p == 0, "moe_layers"),
        ("decoder_sparse_step", (i, p) => (i + 1) % p == 0, null),
        ("encoder_sparse_step", (i, p) => (i + 1) % p == 0, null),
        ("moe_layer_freq", (i, p) => i % p == 0, "mlp_layer_types"),
        ("moe_layer_interval", (i, p) => (i + 1) % p == 0, null),
        ("first_k_dense_replace", (i, k) => i < k, "mlp_layer_types"),
        ("num_dense_layers", (i, k) => i < k, null),
        ("cross_attention_interval", (i, p) => i % p == 0, null),
        ("mamba_step", (i, p) => i % p == p / 2, null),
        ("layer_switch", (i, p) => (i + 1) % p == 0, "layer_types"),
        ("moe_layer_start_index", (i, k) => i >= k, null),
        ("moe_layer_end_index", (i, k) => i <= k, null),
    ];

    /// <summary>The defaults in the code of model families (transformers 5.12).</summary>
    private static readonly (string ModelType, string Key, long Value)[] Defaults =
    [
        ("gemma2", "sliding_window_pattern", 2),
        ("gemma3_text", "sliding_window_pattern", 6),
        ("gemma3", "sliding_window_pattern", 6),
        ("olmo3", "sliding_window_pattern", 4),
        ("cohere2", "sliding_window_pattern", 4),
        ("exaone4", "sliding_window_pattern", 4),
        ("gpt_oss", "sliding_window_pattern", 2),
        ("qwen3_next", "full_attention_interval", 4),
        ("qwen3_5_text", "full_attention_interval", 4),
        ("jamba", "attn_layer_period", 8),
        ("jamba", "expert_layer_period", 2),
        ("smollm3", "no_rope_layer_interval", 4),
        ("llama4_text", "no_rope_layer_interval", 4),
        ("modernbert", "global_attn_every_n_layers", 3),
        ("modernbert-decoder", "global_attn_every_n_layers", 3),
    ];

    /// <summary>Periods with an offset (Jamba).</summary>
    private static readonly (string Period, string Offset, long DefaultOffset)[] OffsetPeriods =
    [
        ("attn_layer_period", "attn_layer_offset", 4),
        ("expert_layer_period", "expert_layer_offset", 1),
    ];

    /// <summary>Settings by which layers share tensors, or use tables outside the layers: such layers cannot be moved.</summary>
    private static readonly (string Key, string Meaning)[] Shared =
    [
        ("num_kv_shared_layers", "its last layers take keys and values from layers before them"),
        ("hidden_size_per_layer_input", "its embeddings have a part for each layer, in one table"),
        ("num_mem_blocks", "its layers share blocks"),
    ];

    private readonly JsonObject _root;
    private readonly string _model;
    private readonly string _stack;
    private readonly int _oldCount;
    private readonly IReadOnlyList<int> _order;
    private readonly bool _inOrder;
    private readonly Dictionary<string, JsonNode> _changes;
    private readonly ProblemList _problems;

    private LayerNumbering(
        ModelConfig config,
        string model,
        string stack,
        int oldCount,
        IReadOnlyList<int> order,
        Dictionary<string, JsonNode> changes,
        ProblemList problems)
    {
        _root = config.Root;
        _model = Printable.Escape(model);
        _stack = stack;
        _oldCount = oldCount;
        _order = order;
        _inOrder = IsUnmoved(order);
        _changes = changes;
        _problems = problems;
    }

    /// <summary>Adds the changes of a config.json.</summary>
    /// <param name="config">The configuration to change.</param>
    /// <param name="model">The name of its model.</param>
    /// <param name="map">The layers of its model.</param>
    /// <param name="order">For each layer of the output, the layer of this model, or of one like it, that it is made from.</param>
    /// <param name="changes">Receives new values by path, such as <c>/text_config/num_hidden_layers</c>.</param>
    /// <param name="problems">Receives the settings that cannot be rewritten.</param>
    public static void Apply(
        ModelConfig config,
        string model,
        LayerMap map,
        IReadOnlyList<int> order,
        Dictionary<string, JsonNode> changes,
        ProblemList problems)
    {
        if (map.MainStack is { } stack && (order.Count != map.LayerCount || !IsUnmoved(order)))
        {
            new LayerNumbering(config, model, stack, map.LayerCount, order, changes, problems).Run(map);
        }
    }

    private static bool IsUnmoved(IReadOnlyList<int> order) => order.Select((o, i) => o == i).All(same => same);

    private void Run(LayerMap map)
    {
        StackConfig part = StackConfig.Of(_root, map.Stacks.Keys, _stack);
        SetCount(part, StackConfig.HasEncoderAndDecoder(map.Stacks.Keys));
        (string, JsonObject)[] sections = part.Path.Length == 0 ? [("", _root)] : [(part.Path, part.Section), ("", _root)];
        foreach ((string path, JsonObject section) in sections)
        {
            foreach ((string key, JsonNode? value) in section)
            {
                Renumber(path, section, key, value);
            }
        }

        JsonNode? modelType = part.Section["model_type"] ?? _root["model_type"];
        string? family = modelType is JsonValue name && name.TryGetValue(out string? text) ? text : null;
        foreach ((_, string key, long value) in Defaults.Where(d => d.ModelType == family))
        {
            if (part.Section[key] is null && _root[key] is null)
            {
                CheckNumber(part.Section, key, value, $" (the default of {family})");
            }
        }
    }

    private void SetCount(StackConfig part, bool both)
    {
        if (_order.Count == _oldCount)
        {
            return;
        }

        (string path, JsonObject section, IReadOnlyList<string> keys) = part;
        string[] countKeys = [.. keys.Where(k => StackConfig.ReadInteger(section[k]) == _oldCount)];
        if (both
            && path.Length == 0
            && StackConfig.ReadInteger(section["num_layers"]) is { } shared
            && section["num_decoder_layers"] is null)
        {
            // T5: num_layers counts both stacks unless num_decoder_layers is given.
            countKeys = StackClassifier.IsDecoder(_stack) ? ["num_decoder_layers"] : countKeys;
            _changes["/num_decoder_layers"] = JsonValue.Create(shared);
        }

        if (countKeys.Length == 0 && path.Length > 0 && section == _root["decoder"])
        {
            countKeys = ["num_hidden_layers"];
        }

        if (countKeys.Length == 0)
        {
            _problems.Add($"config.json of {_model} does not state the {_oldCount} layers of {Printable.Escape(_stack)}, "
                + $"so the {_order.Count} layers of the output cannot be stated either: "
                + $"looked for {string.Join(", ", keys)} in {(path.Length == 0 ? "the root" : path[1..])}. "
                + "Remedy: write the number of layers into it");
        }

        foreach (string key in countKeys)
        {
            _changes[$"{path}/{key}"] = JsonValue.Create(_order.Count);
        }
    }

    private void Renumber(string path, JsonObject section, string key, JsonNode? value)
    {
        switch (value)
        {
            case JsonArray list:
                RenumberList(path, key, list);
                break;
            case JsonObject nested:
                CheckObject(key, nested);
                break;
            case JsonValue text when text.TryGetValue(out string? letters):
                RenumberText(path, key, letters);
                break;
            case JsonValue when StackConfig.ReadInteger(value) is { } number and > 0:
                CheckNumber(section, key, number);
                break;
        }
    }

    private void RenumberList(string path, string key, JsonArray list)
    {
        if (key == "attention_types")
        {
            // GPT-Neo: patterns, each with its number of repetitions.
            JsonArray pattern = new([.. Reordered(RepeatPatterns(list))]);
            SetList(path, key, list, new JsonArray(new JsonArray(pattern, JsonValue.Create(1))));
        }
        else if (list.Count == _oldCount && _order.All(o => o < list.Count) && !HasLayerCountByChance(key))
        {
            SetList(path, key, list, new JsonArray([.. Reordered([.. list])]));
        }
        else if (list.Count > 0 && IsLayerNumbers(key, list))
        {
            HashSet<long> numbers = [.. list.Select(n => StackConfig.ReadInteger(n)!.Value)];
            IEnumerable<JsonNode?> newNumbers = NewNumbers(o => numbers.Contains(o)).Select(i => (JsonNode?)JsonValue.Create(i));
            SetList(path, key, list, new JsonArray([.. newNumbers]));
        }
        else if (list.Count > 0
            && list.Count < _oldCount
            && list.All(c => c is JsonValue v && v.TryGetValue(out string? _))
            && key.EndsWith("block_types", StringComparison.Ordinal))
        {
            Require(Keeps(i => list[(int)(i % list.Count)]!.ToString()), key, "a cycle of " + list.Count);
        }
    }

    private void RenumberText(string path, string key, string text)
    {
        bool isPattern = key.EndsWith("_pattern", StringComparison.Ordinal);
        if (isPattern && text.Length == _oldCount)
        {
            // Nemotron-H: a letter for each layer.
            _changes[$"{path}/{key}"] = JsonValue.Create(string.Concat(_order.Select(o => text[o])));
        }
        else if (isPattern && text.Length > 0)
        {
            // A repeated pattern.
            Require(Keeps(i => text[(int)(i % text.Length)]), key, text);
        }
        else if (key.Contains("layer", StringComparison.Ordinal) && CommaSeparatedNumbers().IsMatch(text))
        {
            HashSet<int> numbers = [.. text.Split(',').Select(n => int.Parse(n, CultureInfo.InvariantCulture))];
            _changes[$"{path}/{key}"] = JsonValue.Create(string.Join(',', NewNumbers(numbers.Contains)));
        }
    }

    private void CheckObject(string key, JsonObject nested)
    {
        bool keepsNumbers = _inOrder && _order.Count >= _oldCount;
        if (key == "pruned_heads" && nested.Count > 0)
        {
            Require(keepsNumbers, key, nested.Count + " layers");
        }
        else if (nested.Any(n => n.Value is JsonArray { Count: > 0 } numbers
            && numbers.All(x => StackConfig.ReadInteger(x) is not null)
            && n.Key.EndsWith("_layers", StringComparison.Ordinal)))
        {
            // Kimi Linear: the numbers start at 1.
            Require(keepsNumbers, key, "lists of layers");
        }
    }

    private IEnumerable<JsonNode?> Reordered(List<JsonNode?> list) => _order.Select(o => list[o]?.DeepClone());

    /// <summary>The numbers of the output's layers that are made from the selected old layers.</summary>
    private IEnumerable<int> NewNumbers(Func<int, bool> selects) => Enumerable.Range(0, _order.Count).Where(i => selects(_order[i]));

    /// <summary>Expands <c>[[patterns, repetitions], ...]</c> to one entry per layer, padded with null.</summary>
    private List<JsonNode?> RepeatPatterns(JsonArray types)
    {
        List<JsonNode?> all =
        [
            .. types.OfType<JsonArray>()
                .Where(t => t.Count == 2 && t[0] is JsonArray && StackConfig.ReadInteger(t[1]) is > 0 and < 10_000)
                .SelectMany(t => Enumerable.Repeat((JsonArray)t[0]!, (int)StackConfig.ReadInteger(t[1])!.Value).SelectMany(p => p)),
        ];
        while (all.Count < _oldCount)
        {
            all.Add(null);
        }

        return all;
    }

    /// <param name="section">The object that has the key.</param>
    /// <param name="key">The key.</param>
    /// <param name="value">Its value.</param>
    /// <param name="note">Text for a message, after the value.</param>
    private void CheckNumber(JsonObject section, string key, long value, string note = "")
    {
        if (IsOfOtherStack(key))
        {
            return;
        }

        if (Array.Find(Shared, s => s.Key == key) is { Meaning: { } meaning })
        {
            _problems.Add($"config.json of {_model} says {key} {value}: {meaning}. Its layers cannot be stacked or left out. "
                + "Remedy: take all layers in their order");
        }
        else if (Array.Find(Periods, p => p.Key == key) is { Selects: { } selects } period)
        {
            bool isListed = period.List is not null && section[period.List] is JsonArray { Count: > 0 };
            bool isUnused = key == "max_window_layers" && !IsTrue(section["use_sliding_window"]);
            Require(isListed || isUnused || Keeps(i => selects(i, value)), key, value + note);
        }
        else if (Array.Find(OffsetPeriods, p => p.Period == key) is { Offset: { } offsetKey } offsetPeriod)
        {
            long offset = StackConfig.ReadInteger(section[offsetKey]) ?? offsetPeriod.DefaultOffset;
            bool isListed = section["layers_block_type"] is JsonArray { Count: > 0 } || section["layer_types"] is JsonArray { Count: > 0 };
            Require(isListed || Keeps(i => i % value == offset), key, value + note);
        }
        else if (!_inOrder && value > 1 && LayerPeriodKey().IsMatch(key) && !OffsetPeriods.Any(p => p.Offset == key))
        {
            Require(false, key, value.ToString(CultureInfo.InvariantCulture));
        }
    }

    /// <summary>Whether a setting is of the encoder while the stack is the decoder, or the reverse.</summary>
    private bool IsOfOtherStack(string key)
    {
        bool isDecoder = StackClassifier.IsDecoder(_stack);
        return (key.StartsWith("encoder_", StringComparison.Ordinal) && isDecoder)
            || (key.StartsWith("decoder_", StringComparison.Ordinal) && StackClassifier.IsEncoder(_stack) && !isDecoder);
    }

    private static bool IsTrue(JsonNode? node) => (node as JsonValue)?.TryGetValue(out bool value) == true && value;

    /// <summary>Whether a property of layers by number is the same at every layer's old and new number.</summary>
    private bool Keeps<T>(Func<long, T> property) =>
        _order.Select((o, i) => EqualityComparer<T>.Default.Equals(property(o), property(i))).All(same => same);

    private void Require(bool condition, string key, string value)
    {
        if (!condition)
        {
            _problems.Add($"config.json of {_model} selects layers by their numbers: {key} is {Printable.Escape(value)}, "
                + "which would mean other layers in the new order. "
                + "Remedy: stack layers so that the pattern goes on (ranges of its length), or take all layers in their order");
        }
    }

    /// <summary>Whether a list holds layer numbers: ascending integers below the layer count, under a key that names layers.</summary>
    private bool IsLayerNumbers(string key, JsonArray list)
    {
        long last = -1;
        foreach (JsonNode? node in list)
        {
            if (StackConfig.ReadInteger(node) is not { } number || number <= last || number >= _oldCount)
            {
                return false;
            }

            last = number;
        }

        return LayerListKey().IsMatch(key);
    }

    /// <summary>Whether a list does not depend on layers, though it may have as many entries.</summary>
    private static bool HasLayerCountByChance(string key) =>
        key is "architectures" or "eos_token_id" or "bos_token_id" or "pad_token_id" or "time_step_limit" or "suppress_tokens"
            or "begin_suppress_tokens" or "mrope_section" or "image_grid_pinpoints" or "vision_feature_layer"
        || key.StartsWith("tdnn_", StringComparison.Ordinal)
        || key.StartsWith("conv_", StringComparison.Ordinal)
        || key.EndsWith("_token_ids", StringComparison.Ordinal);

    private void SetList(string path, string key, JsonArray oldList, JsonArray newList)
    {
        if (!JsonNode.DeepEquals(oldList, newList))
        {
            _changes[$"{path}/{key}"] = newList;
        }
    }

    [GeneratedRegex(@"^\d{1,6}(,\d{1,6})*$", KeyOptions, matchTimeoutMilliseconds: 1000)]
    private static partial Regex CommaSeparatedNumbers();

    [GeneratedRegex("layer|block|idx|idxs|indices|_ids$", KeyOptions, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LayerListKey();

    [GeneratedRegex(
        "layer.*(period|interval|freq|every|pattern|offset)|(period|interval|every|pattern|freq).*layer",
        KeyOptions,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex LayerPeriodKey();
}
