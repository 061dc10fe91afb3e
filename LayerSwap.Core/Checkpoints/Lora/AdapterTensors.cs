namespace LayerSwap.Checkpoints.Lora;

/// <summary>What an adapter stores for one module of the model. Names are those in the adapter's file.</summary>
internal sealed class AdapterModule(string path)
{
    /// <summary>The module's path in the model, such as <c>model.layers.0.self_attn.q_proj</c>.</summary>
    public string Path => path;

    /// <summary>The tensors <c>lora_A</c> (r, in) and <c>lora_B</c> (out, r).</summary>
    public string? A { get; set; }

    public string? B { get; set; }

    /// <summary>The tensors <c>lora_embedding_A</c> (r, vocabulary) and <c>lora_embedding_B</c> (hidden, r).</summary>
    public string? EmbeddingA { get; set; }

    public string? EmbeddingB { get; set; }

    /// <summary>The bias of B, which is added with the scale.</summary>
    public string? FactorBias { get; set; }

    /// <summary>The magnitudes of DoRA.</summary>
    public string? Magnitude { get; set; }

    /// <summary>A whole weight, which replaces the base's.</summary>
    public string? Weight { get; set; }

    /// <summary>A whole bias, which replaces the base's.</summary>
    public string? Bias { get; set; }

    /// <summary>Rows of an embedding, which replace the base's.</summary>
    public string? TokenRows { get; set; }

    public bool HasFactors => A is not null || B is not null || EmbeddingA is not null || EmbeddingB is not null;
}

/// <summary>Sorts the tensors of an adapter by module. A name that is not understood is refused: something would be lost.</summary>
internal static class AdapterTensors
{
    private const string Prefix = "base_model.model.", BaseLayer = ".base_layer";

    /// <summary>Suffixes and the property each fills, longest first. A name may have the adapter's name before <c>.weight</c>.</summary>
    private static readonly (string Suffix, Action<AdapterModule, string> Set, Func<AdapterModule, string?> Get)[] Kinds =
    [
        (".lora_A.weight", (m, n) => m.A = n, m => m.A),
        (".lora_B.weight", (m, n) => m.B = n, m => m.B),
        (".lora_B.bias", (m, n) => m.FactorBias = n, m => m.FactorBias),
        (".lora_embedding_A", (m, n) => m.EmbeddingA = n, m => m.EmbeddingA),
        (".lora_embedding_B", (m, n) => m.EmbeddingB = n, m => m.EmbeddingB),
        (".lora_magnitude_vector", (m, n) => m.Magnitude = n, m => m.Magnitude),
        (".lora_magnitude_vector.weight", (m, n) => m.Magnitude = n, m => m.Magnitude),
        (".token_adapter.trainable_tokens_delta", (m, n) => m.TokenRows = n, m => m.TokenRows),
        (".base_layer.weight", (m, n) => m.Weight = n, m => m.Weight),
        (".base_layer.bias", (m, n) => m.Bias = n, m => m.Bias),
        (".weight", (m, n) => m.Weight = n, m => m.Weight),
        (".bias", (m, n) => m.Bias = n, m => m.Bias),
    ];

    public static IReadOnlyList<AdapterModule> Group(ICheckpoint weights, LoraThrow error)
    {
        Dictionary<string, AdapterModule> modules = new(StringComparer.Ordinal);
        foreach (TensorInfo tensor in weights.Tensors)
        {
            string shown = Printable.Escape(tensor.Name);
            if (!tensor.Name.StartsWith(Prefix, StringComparison.Ordinal))
            {
                throw error.Unsupported($"its tensor {shown} is not named as PEFT names them ({Prefix}...).");
            }

            string name = WithoutAdapterName(tensor.Name[Prefix.Length..]);
            var kind = Kinds.FirstOrDefault(k => name.EndsWith(k.Suffix, StringComparison.Ordinal) && name.Length > k.Suffix.Length);
            // Of a name such as lora_C.weight only the end is known.
            if (kind.Suffix is null || name[..^kind.Suffix.Length].Contains("lora_", StringComparison.Ordinal))
            {
                throw error.Unsupported($"its tensor {shown} is of an unknown kind.");
            }

            if (!tensor.DType.SupportsArithmetic())
            {
                throw error.Damaged($"its tensor {shown} is {tensor.DType.Code()}; a floating-point dtype is expected.", tensor.Name);
            }

            string path = name[..^kind.Suffix.Length];
            AdapterModule module = modules.TryGetValue(path, out AdapterModule? known) ? known : modules[path] = new AdapterModule(path);
            if (kind.Get(module) is { } other)
            {
                throw error.Damaged($"its tensors {Printable.Escape(other)} and {shown} are the same part of one module.", tensor.Name);
            }

            kind.Set(module, tensor.Name);
        }

        if (!modules.Values.Any(m => m.HasFactors))
        {
            throw error.Damaged("it has no LoRA tensor.");
        }

        return [.. modules.Values];
    }

    /// <summary>Whether a path is the inner one of two nested adapters of one module; then without the mark.</summary>
    public static bool TryRemoveNesting(ref string path)
    {
        if (!path.EndsWith(BaseLayer, StringComparison.Ordinal))
        {
            return false;
        }

        path = path[..^BaseLayer.Length];
        return true;
    }

    /// <summary>Removes the adapter's name: <c>lora_A.default.weight</c> is <c>lora_A.weight</c>.</summary>
    private static string WithoutAdapterName(string name)
    {
        foreach (string part in (string[])[".lora_A.", ".lora_B.", ".lora_embedding_A.", ".lora_embedding_B.", ".lora_magnitude_vector."])
        {
            int at = name.IndexOf(part, StringComparison.Ordinal);
            if (at >= 0)
            {
                string[] rest = name[(at + part.Length)..].Split('.');
                string kept = rest switch
                {
                    [_, "weight"] or [_, "bias"] => "." + rest[1],
                    ["weight"] or ["bias"] => "." + rest[0],
                    [_] => "",
                    _ => "." + string.Join('.', rest),
                };
                return name[..at] + part[..^1] + kept;
            }
        }

        return name;
    }
}
