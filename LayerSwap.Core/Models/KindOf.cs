namespace LayerSwap.Models;

/// <summary>What a tensor is for, from the words of its name. Words are the parts between dots and underscores.</summary>
internal static class KindOf
{
    public static TensorKind Name(string name, bool inLayer)
    {
        string lower = name.ToLowerInvariant();
        string[] parts = lower.Split('.');
        string module = parts.Length > 1 && parts[^1] is "weight" or "bias" or "gamma" or "beta" ? parts[^2] : parts[^1];
        string[] words = lower.Split('.', '_');
        bool isNorm = IsNorm(module);
        if (inLayer)
        {
            return isNorm ? TensorKind.Norm
                : Array.Exists(words, w => w is "attn" or "attention" or "selfattention" or "encdecattention" or "crossattention" or "mixer")
                    || parts.Any(p => p.EndsWith("attn", StringComparison.Ordinal) || p.EndsWith("attention", StringComparison.Ordinal)) ? TensorKind.Attention
                : words.Any(IsFeedForward) || module is "output" ? TensorKind.Mlp
                : TensorKind.Other;
        }

        bool isEmbedding = words.Any(w => w is "wte" or "wpe" or "embeddings" or "embedding" or "embed" or "shared" or "embedder");
        return IsHead(parts, words) || module is "output" or "head" ? TensorKind.Head
            : isEmbedding ? TensorKind.Embedding
            : isNorm ? TensorKind.Norm
            : TensorKind.Other;
    }

    /// <summary>A name without <c>.weight</c> at its end.</summary>
    public static string WithoutWeight(string name) => name.EndsWith(".weight", StringComparison.Ordinal) ? name[..^".weight".Length] : name;

    /// <summary>Whether a tensor outside the layers has a row for each token.</summary>
    public static bool IsTokenTable(string name, TensorKind kind) =>
        kind is TensorKind.Embedding or TensorKind.Head
        // A head deep within a tower is a projection of the tower's own.
        && !(kind == TensorKind.Head && name.Split('.') is { Length: > 2 } parts && Array.IndexOf(parts, "head") >= 0)
        && !Array.Exists(name.ToLowerInvariant().Split('.', '_'), w => Array.IndexOf(kind == TensorKind.Embedding ? NoTokenEmbedding : NoTokenHead, w) >= 0);

    /// <summary>Words of embeddings of something else than tokens, and of what belongs to embeddings.</summary>
    private static readonly string[] NoTokenEmbedding =
    [
        "position", "positions", "positional", "pos", "wpe", "type", "types", "patch", "class", "cls", "segment", "time", "timestep", "rel", "relative", "projection", "proj", "norm", "layernorm", "codebook", "speaker", "lang", "vision", "visual",
        "image", "audio", "conv", "mask",
    ];

    /// <summary>Words of heads onto classes and spans, and of what stands before the projection onto tokens.</summary>
    private static readonly string[] NoTokenHead = ["classifier", "score", "qa", "relationship", "transform", "dense", "norm", "layernorm", "layer", "regression", "reward", "value"];

    private static bool IsNorm(string module) =>
        module.Contains("norm", StringComparison.Ordinal) || module.StartsWith("ln_", StringComparison.Ordinal)
        || module is "ln" or "ln1" or "ln2" or "lnf";

    private static bool IsFeedForward(string word) => word is
        "mlp" or "ffn" or "ff" or "fc1" or "fc2" or "feedforward" or "densereludense" or "intermediate" or "experts" or "expert" or "moe" or "feed"
        or "router" or "dense" or "wi" or "wo";

    /// <summary>The output projection: lm_head, GPT-NeoX's embed_out, BERT's prediction head, a classifier's score.</summary>
    private static bool IsHead(string[] parts, string[] words) =>
        parts.Any(p => p is "lm_head" or "embed_out" or "output_head" or "cls" or "score" or "classifier" or "qa_outputs")
        || (parts.Length <= 2 && parts[0] is "output" or "head")
        || (words.Contains("head", StringComparer.Ordinal) && words.Contains("lm", StringComparer.Ordinal));
}
