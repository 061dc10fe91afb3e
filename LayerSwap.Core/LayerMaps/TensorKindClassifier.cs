namespace LayerSwap.LayerMaps;

/// <summary>What a tensor is for, from the words of its name. Words are the parts between dots and underscores.</summary>
internal static class TensorKindClassifier
{
    /// <summary>What stands in the place of attention: state-space models, recurrent blocks, retention.</summary>
    private static readonly string[] Mixers =
    [
        "attn", "attention", "attentions", "selfattention", "encdecattention", "crossattention", "mixer", "mamba", "mamba2", "ssm", "temporal", "mlstm", "slstm", "retention", "lru", "deltanet", "hyena",
    ];

    public static TensorKind Name(string name, bool inLayer)
    {
        string lower = name.ToLowerInvariant();
        string[] parts = lower.Split('.');
        string[] modules = parts.Length > 1 && parts[^1] is "weight" or "bias" or "gamma" or "beta" ? parts[..^1] : parts;
        // Several of one kind are numbered.
        string module = modules.LastOrDefault(m => !m.All(char.IsAsciiDigit)) ?? modules[^1];
        string[] words = lower.Split('.', '_');
        bool isNorm = IsNorm(module);
        if (inLayer)
        {
            return isNorm ? TensorKind.Norm
                : IsMixer(parts, words) && !(words[0] == "mixer" && IsFeedForwardOfMixer(modules)) ? TensorKind.Attention
                : words.Any(IsFeedForward) || module is "output" || words[0] == "mixer" ? TensorKind.Mlp
                : TensorKind.Other;
        }

        bool isEmbedding = words.Any(w => w is "wte" or "wpe" or "embeddings" or "embedding" or "embed" or "shared" or "embedder");
        return IsHead(parts, modules, words) || module is "output" or "head" or "output_layer" ? TensorKind.Head
            // LFM2 calls the norm after its last layer so.
            : isEmbedding && module != "embedding_norm" ? TensorKind.Embedding
            : isNorm ? TensorKind.Norm
            : TensorKind.Other;
    }

    /// <summary>A name without <c>.weight</c> at its end.</summary>
    public static string WithoutWeight(string name) => name.EndsWith(".weight", StringComparison.Ordinal) ? name[..^".weight".Length] : name;

    /// <summary>Whether a tensor outside the layers has a row for each token.</summary>
    public static bool IsTokenTable(string name, TensorKind kind)
    {
        if (kind is not (TensorKind.Embedding or TensorKind.Head))
        {
            return false;
        }

        string[] words = name.ToLowerInvariant().Split('.', '_');
        // Layers that predict further tokens (MTP) go with the head, but only their tables have rows of tokens.
        return kind == TensorKind.Head && (words.Contains("mtp", StringComparer.Ordinal) || words.Any(w => w.All(char.IsAsciiDigit)))
            ? WithoutWeight(name) is var module && (module.EndsWith(".embed_tokens", StringComparison.Ordinal) || module.EndsWith("_head.head", StringComparison.Ordinal) || module.EndsWith("lm_head", StringComparison.Ordinal))
            // A head deep within a tower is a projection of the tower's own.
            : !(kind == TensorKind.Head && name.Split('.') is { Length: > 2 } parts && Array.IndexOf(parts, "head") >= 0)
                && !Array.Exists(words, w => Array.IndexOf(kind == TensorKind.Embedding ? NoTokenEmbedding : NoTokenHead, w) >= 0);
    }

    /// <summary>Words of embeddings of something else than tokens, and of what belongs to embeddings.</summary>
    private static readonly string[] NoTokenEmbedding =
    [
        "position", "positions", "positional", "pos", "wpe", "type", "types", "patch", "class", "cls", "segment", "time", "timestep", "rel", "relative", "projection", "proj", "norm", "layernorm", "codebook", "speaker", "lang", "vision", "visual",
        "image", "audio", "conv", "mask",
    ];

    /// <summary>Words of heads onto classes and spans, and of what stands before the projection onto tokens.</summary>
    private static readonly string[] NoTokenHead = ["classifier", "score", "qa", "relationship", "transform", "dense", "norm", "layernorm", "layer", "regression", "reward", "value"];

    private static bool IsNorm(string module) =>
        module.Contains("norm", StringComparison.Ordinal) || module.StartsWith("ln_", StringComparison.Ordinal) || module.EndsWith("_ln", StringComparison.Ordinal)
        || module is "ln" or "ln1" or "ln2" or "lnf";

    private static bool IsMixer(string[] parts, string[] words) => words.Any(w => Array.IndexOf(Mixers, w) >= 0)
        || parts.Any(p => p.EndsWith("attn", StringComparison.Ordinal) || p.EndsWith("attention", StringComparison.Ordinal))
        // LFM2's short convolutions.
        || parts is ["conv", "conv" or "in_proj" or "out_proj", ..];

    /// <summary>Nemotron-H calls the one part of a layer mixer, whatever it is.</summary>
    private static bool IsFeedForwardOfMixer(string[] modules) =>
        modules.Skip(1).Any(m => m is "up_proj" or "down_proj" or "gate_proj" or "gate" or "fc1_latent_proj" or "fc2_latent_proj" || m.Contains("expert", StringComparison.Ordinal));

    private static bool IsFeedForward(string word) => word is
        "mlp" or "ffn" or "ff" or "fc1" or "fc2" or "feedforward" or "densereludense" or "intermediate" or "experts" or "expert" or "moe" or "feed"
        or "router" or "dense" or "wi" or "wo";

    /// <summary>The output projection and what stands before it: lm_head, GPT-NeoX's embed_out, BERT's and ELECTRA's predictions, a classifier's score, layers that predict further tokens (MTP).</summary>
    private static bool IsHead(string[] parts, string[] modules, string[] words) =>
        parts.Any(p => p is "lm_head" or "lm_heads" or "mlm_head" or "embed_out" or "output_head" or "cls" or "score" or "classifier" or "pre_classifier" or "qa_outputs" or "lm_loss" or "pred_layer" or "final_logits_bias"
            or "vocab_projector" or "vocab_transform" or "vocab_layer_norm" || p.EndsWith("predictions", StringComparison.Ordinal))
        || (parts.Length <= 2 && parts[0] is "output" or "head" or "proj_out")
        // ModernBERT's head of masked tokens.
        || modules is ["decoder"] or ["head", "dense" or "norm"]
        || words.Contains("mtp", StringComparer.Ordinal)
        || (words.Contains("head", StringComparer.Ordinal) && words.Contains("lm", StringComparer.Ordinal));
}
