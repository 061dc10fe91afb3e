namespace LayerSwap;

/// <summary>The role of a tensor, according to its name.</summary>
public enum TensorKind
{
    /// <summary>None of the other kinds.</summary>
    Other,

    /// <summary>Token, position or type embeddings, with their norms and projections.</summary>
    Embedding,

    /// <summary>Attention, or the mixer that replaces it.</summary>
    Attention,

    /// <summary>The feed-forward part, experts and routers included.</summary>
    Mlp,

    /// <summary>A norm, in a layer or after the last one.</summary>
    Norm,

    /// <summary>The output head.</summary>
    Head,
}
