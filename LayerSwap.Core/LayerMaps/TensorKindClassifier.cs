namespace LayerSwap.LayerMaps;

/// <summary>Classifies tensors by the words of their names. Words are separated by dots and underscores.</summary>
internal static class TensorKindClassifier
{
    /// <summary>Words for attention and its replacements: state-space models, recurrent blocks, retention.</summary>
    private static readonly string[] Mixers =
    [
        "attn", "attention", "attentions", "selfattention", "encdecattention", "crossattention", "mixer", "mamba", "mamba2", "ssm",
        "temporal", "mlstm", "slstm", "retention", "lru", "deltanet", "hyena",
    ];

    /// <summary>Words of embeddings that are not of tokens, and of modules around embeddings.</summary>
    private static readonly string[] NonTokenEmbeddingWords =
    [
        "position", "positions", "positional", "pos", "wpe", "type", "types", "patch", "class", "cls", "segment", "time", "timestep", "rel",
        "relative", "projection", "proj", "norm", "layernorm", "codebook", "speaker", "lang", "vision", "visual", "image", "audio", "conv",
        "mask",
    ];

    /// <summary>Words of heads for classes and spans, and of modules before the projection to tokens.</summary>
    private static readonly string[] NonTokenHeadWords =
    [
        "classifier", "score", "qa", "relationship", "transform", "dense", "norm", "layernorm", "layer", "regression", "reward", "value",
    ];

    /// <summary>Finds the kind of a tensor.</summary>
    /// <param name="name">The component in a layer, or the tensor's name outside all layers.</param>
    /// <param name="inLayer">Whether the tensor is in a layer.</param>
    public static TensorKind Classify(string name, bool inLayer)
    {
        string lower = name.ToLowerInvariant();
        string[] parts = lower.Split('.');
        string[] modules = parts.Length > 1 && parts[^1] is "weight" or "bias" or "gamma" or "beta" ? parts[..^1] : parts;
        // Numbered modules have their name before the number.
        string module = modules.LastOrDefault(m => !m.All(char.IsAsciiDigit)) ?? modules[^1];
        string[] words = lower.Split('.', '_');
        bool isNorm = IsNorm(module);
        if (inLayer)
        {
            return isNorm ? TensorKind.Norm
                : IsMixer(parts, words) && !(words[0] == "mixer" && IsFeedForwardInMixer(modules)) ? TensorKind.Attention
                : words.Any(IsFeedForward) || module is "output" || words[0] == "mixer" ? TensorKind.Mlp
                : TensorKind.Other;
        }

        bool isEmbedding = words.Any(w => w is "wte" or "wpe" or "embeddings" or "embedding" or "embed" or "shared" or "embedder");
        return IsHead(parts, modules, words) || module is "output" or "head" or "output_layer" ? TensorKind.Head
            // embedding_norm is the final norm of LFM2.
            : isEmbedding && module != "embedding_norm" ? TensorKind.Embedding
            : isNorm ? TensorKind.Norm
            : TensorKind.Other;
    }

    /// <summary>Removes the suffix <c>.weight</c> from a name.</summary>
    public static string WithoutWeight(string name) =>
        name.EndsWith(".weight", StringComparison.Ordinal) ? name[..^".weight".Length] : name;

    /// <summary>Whether a tensor outside all layers has one row per token.</summary>
    public static bool IsTokenTable(string name, TensorKind kind)
    {
        if (kind is not (TensorKind.Embedding or TensorKind.Head))
        {
            return false;
        }

        string[] words = name.ToLowerInvariant().Split('.', '_');
        if (kind == TensorKind.Head)
        {
            // All tensors of a multi-token prediction (MTP) layer count as head, but only some have one row per token.
            if (words.Contains("mtp", StringComparer.Ordinal) || words.Any(w => w.Length > 0 && w.All(char.IsAsciiDigit)))
            {
                string module = WithoutWeight(name);
                return module.EndsWith(".embed_tokens", StringComparison.Ordinal)
                    || module.EndsWith("_head.head", StringComparison.Ordinal)
                    || module.EndsWith("lm_head", StringComparison.Ordinal);
            }

            // A head deep inside a tower is the tower's projection.
            if (name.Split('.') is { Length: > 2 } parts && Array.IndexOf(parts, "head") >= 0)
            {
                return false;
            }
        }

        string[] excluded = kind == TensorKind.Embedding ? NonTokenEmbeddingWords : NonTokenHeadWords;
        return !Array.Exists(words, w => Array.IndexOf(excluded, w) >= 0);
    }

    private static bool IsNorm(string module) =>
        module.Contains("norm", StringComparison.Ordinal)
        || module.StartsWith("ln_", StringComparison.Ordinal)
        || module.EndsWith("_ln", StringComparison.Ordinal)
        || module is "ln" or "ln1" or "ln2" or "lnf";

    private static bool IsMixer(string[] parts, string[] words) => words.Any(w => Array.IndexOf(Mixers, w) >= 0)
        || parts.Any(p => p.EndsWith("attn", StringComparison.Ordinal) || p.EndsWith("attention", StringComparison.Ordinal))
        // Short convolutions of LFM2.
        || parts is ["conv", "conv" or "in_proj" or "out_proj", ..];

    /// <summary>Whether a mixer is a feed-forward part: Nemotron-H layers have one module, always named mixer.</summary>
    private static bool IsFeedForwardInMixer(string[] modules) => modules.Skip(1).Any(m =>
        m is "up_proj" or "down_proj" or "gate_proj" or "gate" or "fc1_latent_proj" or "fc2_latent_proj"
        || m.Contains("expert", StringComparison.Ordinal));

    private static bool IsFeedForward(string word) => word is
        "mlp" or "ffn" or "ff" or "fc1" or "fc2" or "feedforward" or "densereludense" or "intermediate" or "experts" or "expert" or "moe"
        or "feed" or "router" or "dense" or "wi" or "wo";

    /// <summary>
    /// Whether a tensor is of the output projection or a module before it: lm_head, embed_out of GPT-NeoX, predictions of BERT and ELECTRA,
    /// score of classifiers, MTP layers.
    /// </summary>
    private static bool IsHead(string[] parts, string[] modules, string[] words) =>
        parts.Any(p => p is "lm_head" or "lm_heads" or "mlm_head" or "embed_out" or "output_head" or "cls" or "score" or "classifier"
            or "pre_classifier" or "qa_outputs" or "lm_loss" or "pred_layer" or "final_logits_bias"
            or "vocab_projector" or "vocab_transform" or "vocab_layer_norm" || p.EndsWith("predictions", StringComparison.Ordinal))
        || (parts.Length <= 2 && parts[0] is "output" or "head" or "proj_out")
        // Masked-token head of ModernBERT.
        || modules is ["decoder"] or ["head", "dense" or "norm"]
        || words.Contains("mtp", StringComparer.Ordinal)
        || (words.Contains("head", StringComparer.Ordinal) && words.Contains("lm", StringComparer.Ordinal));
}
