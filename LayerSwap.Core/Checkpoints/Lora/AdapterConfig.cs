using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LayerSwap.Checkpoints.Lora;

/// <summary>The adapter_config.json of a PEFT LoRA adapter. What changes the mathematics in a way that is not applied is refused.</summary>
internal sealed class AdapterConfig
{
    public const string FileName = "adapter_config.json";
    private const long MaxFileBytes = 16_000_000;

    /// <summary>Initialisations that leave the base as it is. Others subtract from the base when training begins.</summary>
    private static readonly string[] SafeInitializations = ["gaussian", "eva", "orthogonal", "mica"];

    /// <summary>Keys that say how an adapter was trained or loaded, and change nothing in what it computes.</summary>
    private static readonly HashSet<string> Harmless = new(StringComparer.Ordinal)
    {
        "auto_mapping", "base_model_name_or_path", "bias", "corda_config", "ensure_weight_tying", "eva_config", "exclude_modules",
        "fan_in_fan_out", "inference_mode", "init_lora_weights", "layers_pattern", "layers_to_transform", "loftq_config", "lora_alpha",
        "lora_bias", "lora_dropout", "lora_ga_config", "megatron_config", "megatron_core", "modules_to_save", "peft_type", "peft_version",
        "qalora_group_size", "r", "rank_pattern", "alpha_pattern", "revision", "target_modules", "target_parameters", "task_type",
        "trainable_token_indices", "use_dora", "use_rslora", "runtime_config", "mica_config",
    };

    private static readonly TimeSpan PatternTimeout = TimeSpan.FromSeconds(1);

    private readonly JsonObject _root;
    private readonly LoraThrow _throw;
    private readonly long _rank;
    private readonly double _alpha;
    private readonly bool _rankStabilized;
    private readonly (Regex Pattern, double Value)[] _ranks, _alphas;

    private AdapterConfig(JsonObject root, LoraThrow error)
    {
        (_root, _throw) = (root, error);
        if (Text("peft_type") is not "LORA")
        {
            throw error.Unsupported($"its peft_type is {Printable.Escape(Text("peft_type") ?? "missing")}; LORA is expected.");
        }

        RefuseOtherMathematics();
        _rank = Number("r") is { } r and >= 1 && r % 1 == 0
            ? (long)r
            : throw error.Damaged($"{FileName} has no r of 1 or more: the scale is unknown.");
        _alpha = Number("lora_alpha") is { } alpha && double.IsFinite(alpha)
            ? alpha
            : throw error.Damaged($"{FileName} has no lora_alpha: the scale is unknown (PEFT would take 8).");
        _rankStabilized = IsSet("use_rslora");
        _ranks = ReadPatterns("rank_pattern");
        _alphas = ReadPatterns("alpha_pattern");
    }

    /// <summary>The base model as the adapter names it: a path, or a name on the Hub; null if it names none.</summary>
    public string? Base => Text("base_model_name_or_path") is { Length: > 0 } name ? name : null;

    /// <summary>Whether the adapter decomposes weights into magnitude and direction (DoRA, arXiv:2402.09353).</summary>
    public bool UsesMagnitudes => IsSet("use_dora");

    /// <summary>Whether weights are stored (in, out) by declaration. The base's layers decide; see <see cref="AdapterBinder"/>.</summary>
    public bool IsTransposed => IsSet("fan_in_fan_out");

    /// <summary>The parameters that are adapted directly, such as fused experts.</summary>
    public IReadOnlyList<string> TargetParameters => Texts("target_parameters");

    public static AdapterConfig Read(string folder, LoraThrow error)
    {
        string path = Path.Combine(folder, FileName);
        try
        {
            return PythonJson.Parse(InputFile.ReadAll(path, MaxFileBytes)) is JsonObject root
                ? new AdapterConfig(root, error)
                : throw error.Damaged($"{FileName} contains no JSON object.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            throw error.Damaged($"{FileName} is not valid JSON: {Printable.Escape(e.Message)}");
        }
    }

    /// <summary>The rows of an embedding that the adapter replaces, in the order of the stored rows; null if there are none.</summary>
    /// <param name="module">The path of the embedding.</param>
    public IReadOnlyList<long>? TokenIndices(string module) => _root["trainable_token_indices"] switch
    {
        JsonArray list => ToIndices(list),
        JsonObject byName => byName.Where(p => module == p.Key || module.EndsWith("." + p.Key, StringComparison.Ordinal))
            .Select(p => p.Value is JsonArray list ? ToIndices(list) : null)
            .FirstOrDefault(l => l is not null),
        _ => null,
    };

    /// <summary>The rank of a module.</summary>
    public long Rank(string module) => Find(_ranks, module) is { } rank ? (long)rank : _rank;

    /// <summary>The scale of a module: alpha / r, or alpha / sqrt(r) with rsLoRA (arXiv:2312.03732).</summary>
    public double Scale(string module)
    {
        double alpha = Find(_alphas, module) ?? _alpha, rank = Rank(module);
        return alpha / (_rankStabilized ? Math.Sqrt(rank) : rank);
    }

    private void RefuseOtherMathematics()
    {
        JsonNode? initialization = _root["init_lora_weights"];
        if (initialization is JsonValue value && value.TryGetValue(out string? kind)
            && !SafeInitializations.Contains(kind.ToLowerInvariant(), StringComparer.Ordinal))
        {
            throw _throw.Unsupported($"its init_lora_weights is {Printable.Escape(kind)}: PEFT changed the base when training began, "
                + "and adding the adapter to the plain base gives another model.");
        }

        string? active = _root.FirstOrDefault(p => !Harmless.Contains(p.Key) && IsActive(p.Value)).Key;
        if (active is not null)
        {
            throw _throw.Unsupported($"its {FileName} sets {Printable.Escape(active)}, which changes what the adapter computes.");
        }
    }

    private static bool IsActive(JsonNode? node) => node switch
    {
        null => false,
        JsonArray list => list.Count > 0,
        JsonObject entries => entries.Count > 0,
        JsonValue value when value.TryGetValue(out bool flag) => flag,
        JsonValue value when value.TryGetValue(out string? text) => text.Length > 0,
        _ => true,
    };

    /// <summary>Reads a pattern list. PEFT matches <c>(.*\.)?(KEY)$</c> from the start of a path; the first key of the file wins.</summary>
    private (Regex Pattern, double Value)[] ReadPatterns(string name)
    {
        if (_root[name] is not JsonObject patterns)
        {
            return [];
        }

        List<(Regex, double)> result = [];
        foreach ((string key, JsonNode? node) in patterns)
        {
            double value = (node as JsonValue)?.TryGetValue(out double number) == true && double.IsFinite(number)
                ? number
                : throw _throw.Damaged($"the value of {Printable.Escape(key)} in {name} is not a number.");
            try
            {
                // Timeout: the pattern comes from the file.
                result.Add((new Regex($@"\A(?:.*\.)?(?:{key})\z", RegexOptions.CultureInvariant, PatternTimeout), value));
            }
            catch (ArgumentException)
            {
                throw _throw.Damaged($"{name} has the key {Printable.Escape(key)}, which is no regular expression.");
            }
        }

        return [.. result];
    }

    private double? Find((Regex Pattern, double Value)[] patterns, string module)
    {
        try
        {
            return patterns.Where(p => p.Pattern.IsMatch(module)).Select(p => (double?)p.Value).FirstOrDefault();
        }
        catch (RegexMatchTimeoutException)
        {
            throw _throw.Damaged("a pattern of its configuration takes too long to match.");
        }
    }

    private long[] ToIndices(JsonArray list) =>
    [
        .. list.Select(n => (n as JsonValue)?.TryGetValue(out long index) == true
            ? index
            : throw _throw.Damaged("trainable_token_indices has an entry that is no whole number.")),
    ];

    private bool IsSet(string key) => (_root[key] as JsonValue)?.TryGetValue(out bool flag) == true && flag;

    private string? Text(string key) => (_root[key] as JsonValue)?.TryGetValue(out string? text) == true ? text : null;

    private double? Number(string key) => (_root[key] as JsonValue)?.TryGetValue(out double number) == true ? number : null;

    private IReadOnlyList<string> Texts(string key) =>
        _root[key] is JsonArray list ? [.. list.Select(n => n?.ToString()).OfType<string>()] : [];
}
