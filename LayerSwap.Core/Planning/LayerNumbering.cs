using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LayerSwap.Checkpoints;
using LayerSwap.Common;
using LayerSwap.LayerMaps;

namespace LayerSwap.Planning;

/// <summary>
/// Rewrites what config.json says of layers by their numbers, where layers were stacked or left out: their number, under the key of the stack that changed; lists with an entry for each layer; lists of
/// layers' numbers. Periods cannot follow a new order: where they would mean other layers, and no list says what is meant, the merge is refused by name.
/// </summary>
internal sealed partial class LayerNumbering
{
    /// <summary>What follows from a layer's number and a figure; the list that says the same counts where it is there.</summary>
    private static readonly (string Key, Func<long, long, bool> Holds, string? List)[] Periods =
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

    /// <summary>What families' code takes where config.json says nothing (transformers 5.12).</summary>
    private static readonly (string ModelType, string Key, long Figure)[] Defaults =
    [
        ("gemma2", "sliding_window_pattern", 2), ("gemma3_text", "sliding_window_pattern", 6), ("gemma3", "sliding_window_pattern", 6), ("olmo3", "sliding_window_pattern", 4), ("cohere2", "sliding_window_pattern", 4),
        ("exaone4", "sliding_window_pattern", 4), ("gpt_oss", "sliding_window_pattern", 2), ("qwen3_next", "full_attention_interval", 4), ("qwen3_5_text", "full_attention_interval", 4),
        ("jamba", "attn_layer_period", 8), ("jamba", "expert_layer_period", 2), ("smollm3", "no_rope_layer_interval", 4), ("llama4_text", "no_rope_layer_interval", 4), ("modernbert", "global_attn_every_n_layers", 3),
        ("modernbert-decoder", "global_attn_every_n_layers", 3),
    ];

    private static readonly (string Key, long Figure)[] OffsetDefaults = [("attn_layer_offset", 4), ("expert_layer_offset", 1)];

    /// <summary>A period with an offset: Jamba's.</summary>
    private static readonly (string Period, string Offset)[] OffsetPeriods = [("attn_layer_period", "attn_layer_offset"), ("expert_layer_period", "expert_layer_offset")];

    /// <summary>Figures by which layers share tensors or have tables of their own outside the layers: such layers cannot be moved one by one.</summary>
    private static readonly (string Key, string Meaning)[] Shared =
    [
        ("num_kv_shared_layers", "its last layers take keys and values from layers before them"),
        ("hidden_size_per_layer_input", "its embeddings have a part for each layer, in one table"),
        ("num_mem_blocks", "its layers share blocks"),
    ];

    private readonly JsonObject _root;
    private readonly string _model;
    private readonly string _stack;
    private readonly int _before;
    private readonly IReadOnlyList<int> _order;
    private readonly bool _inOrder;
    private readonly Dictionary<string, JsonNode> _changes;
    private readonly ProblemList _problems;

    private LayerNumbering(ModelConfig config, string model, string stack, int before, IReadOnlyList<int> order, Dictionary<string, JsonNode> changes, ProblemList problems)
    {
        (_root, _model, _stack, _before, _order, _changes, _problems) = (config.Root, Printable.Escape(model), stack, before, order, changes, problems);
        _inOrder = order.Select((o, i) => o == i).All(same => same);
    }

    /// <summary>Adds the changes of a config.json.</summary>
    /// <param name="config">The configuration of the model that gives it.</param>
    /// <param name="model">That model's name.</param>
    /// <param name="map">The layers of that model.</param>
    /// <param name="order">The layer of that model, or of one like it, that each layer of the output stands for.</param>
    /// <param name="changes">Where to add: by path, such as <c>/text_config/num_hidden_layers</c>.</param>
    /// <param name="problems">What cannot be said is named there.</param>
    public static void Apply(ModelConfig config, string model, LayerMap map, IReadOnlyList<int> order, Dictionary<string, JsonNode> changes, ProblemList problems)
    {
        if (map.MainStack is { } stack && (order.Count != map.LayerCount || order.Select((o, i) => o != i).Any(moved => moved)))
        {
            new LayerNumbering(config, model, stack, map.LayerCount, order, changes, problems).Run(map);
        }
    }

    private void Run(LayerMap map)
    {
        StackConfig part = StackConfig.Of(_root, map.Stacks.Keys, _stack);
        SetCount(part, StackConfig.HasBoth(map.Stacks.Keys));
        foreach ((string path, JsonObject section) in part.Path.Length == 0 ? [("", _root)] : new[] { (part.Path, part.Section), ("", _root) })
        {
            foreach ((string key, JsonNode? value) in section)
            {
                Renumber(path, section, key, value);
            }
        }

        string? family = (part.Section["model_type"] ?? _root["model_type"]) is JsonValue name && name.TryGetValue(out string? text) ? text : null;
        foreach ((_, string key, long figure) in Defaults.Where(d => d.ModelType == family && part.Section[d.Key] is null && _root[d.Key] is null))
        {
            CheckFigure(part.Section, key, figure, $" (the default of {family})");
        }
    }

    private void SetCount(StackConfig part, bool both)
    {
        if (_order.Count == _before)
        {
            return;
        }

        (string path, JsonObject section, IReadOnlyList<string> keys) = part;
        string[] saying = [.. keys.Where(k => StackConfig.Whole(section[k]) == _before)];
        if (both && path.Length == 0 && StackConfig.Whole(section["num_layers"]) is { } shared && section["num_decoder_layers"] is null)
        {
            // T5 has one number for both unless the decoder's is given.
            saying = LayerMaps.StackClassifier.IsDecoder(_stack) ? ["num_decoder_layers"] : saying;
            _changes["/num_decoder_layers"] = JsonValue.Create(shared);
        }

        if (saying.Length == 0 && path.Length > 0 && section == _root["decoder"])
        {
            saying = ["num_hidden_layers"];
        }

        if (saying.Length == 0)
        {
            _problems.Add($"config.json of {_model} does not say anywhere that {Printable.Escape(_stack)} has {_before} layers, so that it cannot say that the output has {_order.Count}: looked for {string.Join(", ", keys)} in {(path.Length == 0 ? "it" : path[1..])}. "
                + "Remedy: write the number of layers into it");
        }

        foreach (string key in saying)
        {
            _changes[$"{path}/{key}"] = JsonValue.Create(_order.Count);
        }
    }

    private void Renumber(string path, JsonObject part, string key, JsonNode? value)
    {
        switch (value)
        {
            case JsonArray list when key == "attention_types":
                // GPT-Neo: patterns with how often they are repeated.
                Set(path, key, list, new JsonArray(new JsonArray(new JsonArray([.. Moved(Expanded(list))]), JsonValue.Create(1))));
                break;
            case JsonArray list when list.Count == _before && _order.All(o => o < list.Count) && !IsConstant(key):
                Set(path, key, list, new JsonArray([.. Moved([.. list])]));
                break;
            case JsonArray list when list.Count > 0 && IsNumbers(key, list):
                HashSet<long> numbers = [.. list.Select(n => StackConfig.Whole(n)!.Value)];
                Set(path, key, list, new JsonArray([.. Enumerable.Range(0, _order.Count).Where(i => numbers.Contains(_order[i])).Select(i => (JsonNode?)JsonValue.Create(i))]));
                break;
            case JsonValue text when text.TryGetValue(out string? pattern) && pattern.Length == _before && key.EndsWith("_pattern", StringComparison.Ordinal):
                // Nemotron-H: a letter for each layer.
                _changes[$"{path}/{key}"] = JsonValue.Create(string.Concat(_order.Select(o => pattern[o])));
                break;
            case JsonValue text when text.TryGetValue(out string? pattern) && pattern.Length > 0 && key.EndsWith("_pattern", StringComparison.Ordinal):
                // A pattern that is repeated.
                Require(_order.Select((o, i) => pattern[o % pattern.Length] == pattern[i % pattern.Length]).All(same => same), key, pattern);
                break;
            case JsonArray { Count: > 0 } cycle when cycle.Count < _before && cycle.All(c => c is JsonValue v && v.TryGetValue(out string? _)) && key.EndsWith("block_types", StringComparison.Ordinal):
                Require(_order.Select((o, i) => cycle[o % cycle.Count]!.ToString() == cycle[i % cycle.Count]!.ToString()).All(same => same), key, "a cycle of " + cycle.Count);
                break;
            case JsonValue text when text.TryGetValue(out string? enumerated) && key.Contains("layer", StringComparison.Ordinal) && Enumerated().IsMatch(enumerated):
                HashSet<int> listed = [.. enumerated.Split(',').Select(n => int.Parse(n, CultureInfo.InvariantCulture))];
                _changes[$"{path}/{key}"] = JsonValue.Create(string.Join(',', Enumerable.Range(0, _order.Count).Where(i => listed.Contains(_order[i]))));
                break;
            case JsonObject nested when key == "pruned_heads" && nested.Count > 0:
                Require(_inOrder && _order.Count >= _before, key, nested.Count + " layers");
                break;
            case JsonObject nested when nested.Any(n => n.Value is JsonArray numbered && numbered.Count > 0 && numbered.All(x => StackConfig.Whole(x) is not null) && n.Key.EndsWith("_layers", StringComparison.Ordinal)):
                // Kimi Linear counts from 1.
                Require(_inOrder && _order.Count >= _before, key, "lists of layers");
                break;
            case JsonValue when StackConfig.Whole(value) is { } figure and > 0:
                CheckFigure(part, key, figure);
                break;
        }
    }

    private IEnumerable<JsonNode?> Moved(List<JsonNode?> list) => _order.Select(o => list[o]?.DeepClone());

    private List<JsonNode?> Expanded(JsonArray types)
    {
        List<JsonNode?> all = [.. types.OfType<JsonArray>().Where(t => t.Count == 2 && t[0] is JsonArray && StackConfig.Whole(t[1]) is > 0 and < 10_000)
            .SelectMany(t => Enumerable.Repeat((JsonArray)t[0]!, (int)StackConfig.Whole(t[1])!.Value).SelectMany(p => p))];
        while (all.Count < _before)
        {
            all.Add(null);
        }

        return all;
    }

    private void CheckFigure(JsonObject part, string key, long figure, string origin = "")
    {
        // What one half of an encoder-decoder does is nothing to the other.
        if ((key.StartsWith("encoder_", StringComparison.Ordinal) && LayerMaps.StackClassifier.IsDecoder(_stack)) || (key.StartsWith("decoder_", StringComparison.Ordinal) && LayerMaps.StackClassifier.IsEncoder(_stack) && !LayerMaps.StackClassifier.IsDecoder(_stack)))
        {
            return;
        }

        if (Array.Find(Shared, s => s.Key == key) is { Meaning: { } meaning })
        {
            _problems.Add($"config.json of {_model} says {key} {figure}: {meaning}. Its layers cannot be stacked or left out. Remedy: take all layers in their order");
        }
        else if (Array.Find(Periods, p => p.Key == key) is { Holds: { } holds } period)
        {
            bool listed = period.List is not null && part[period.List] is JsonArray { Count: > 0 };
            // A figure of windows counts only where windows are used.
            bool unused = key == "max_window_layers" && !IsTrue(part["use_sliding_window"]);
            Require(listed || unused || Follows(i => holds(i, figure)), key, figure + origin);
        }
        else if (Array.Find(OffsetPeriods, p => p.Period == key) is { Offset: { } offset })
        {
            long shift = StackConfig.Whole(part[offset]) ?? Array.Find(OffsetDefaults, d => d.Key == offset).Figure;
            Require(Follows(i => i % figure == shift) || part["layers_block_type"] is JsonArray { Count: > 0 } || part["layer_types"] is JsonArray { Count: > 0 }, key, figure + origin);
        }
        else if (!_inOrder && figure > 1 && NumbersLayers().IsMatch(key) && !OffsetPeriods.Any(p => p.Offset == key))
        {
            Require(false, key, figure.ToString(CultureInfo.InvariantCulture));
        }
    }

    private static bool IsTrue(JsonNode? node) => (node as JsonValue)?.TryGetValue(out bool value) == true && value;

    /// <summary>Whether what holds of a layer by its new number held of it by its old one.</summary>
    private bool Follows(Func<long, bool> holds) => _order.Select((o, i) => holds(o) == holds(i)).All(same => same);

    private void Require(bool follows, string key, string figure)
    {
        if (!follows)
        {
            _problems.Add($"config.json of {_model} tells layers by their numbers: {key} is {Printable.Escape(figure)}, which would mean other layers in the new order. "
                + "Remedy: stack layers so that the pattern goes on (ranges of its length), or take all layers in their order");
        }
    }

    /// <summary>Whether a list holds numbers of layers: whole, ascending, below their number, under a key that says so.</summary>
    private bool IsNumbers(string key, JsonArray list)
    {
        long last = -1;
        foreach (JsonNode? node in list)
        {
            if (StackConfig.Whole(node) is not { } number || number <= last || number >= _before)
            {
                return false;
            }

            last = number;
        }

        return LayerNumbers().IsMatch(key);
    }

    /// <summary>Lists that have as many entries as there are layers by chance.</summary>
    private static bool IsConstant(string key) => key is "architectures" or "eos_token_id" or "bos_token_id" or "pad_token_id" or "time_step_limit" or "suppress_tokens" or "begin_suppress_tokens" or "mrope_section" or "image_grid_pinpoints" or "vision_feature_layer"
        || key.StartsWith("tdnn_", StringComparison.Ordinal) || key.StartsWith("conv_", StringComparison.Ordinal)
        || key.EndsWith("_token_ids", StringComparison.Ordinal);

    private void Set(string path, string key, JsonArray before, JsonArray after)
    {
        if (!JsonNode.DeepEquals(before, after))
        {
            _changes[$"{path}/{key}"] = after;
        }
    }

    [GeneratedRegex(@"^\d{1,6}(,\d{1,6})*$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Enumerated();

    [GeneratedRegex("layer|block|idx|idxs|indices|_ids$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LayerNumbers();

    [GeneratedRegex("layer.*(period|interval|freq|every|pattern|offset)|(period|interval|every|pattern|freq).*layer", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NumbersLayers();
}
