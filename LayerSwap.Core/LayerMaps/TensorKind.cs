namespace LayerSwap;

/// <summary>What a tensor is for, as far as its name tells.</summary>
public enum TensorKind
{
    /// <summary>None of the others.</summary>
    Other,

    /// <summary>Token, position or type embeddings, with what belongs to them.</summary>
    Embedding,

    /// <summary>Attention, or the mixer that stands in its place.</summary>
    Attention,

    /// <summary>The feed-forward part, experts and routers included.</summary>
    Mlp,

    /// <summary>A normalisation, within a layer or after the last.</summary>
    Norm,

    /// <summary>The output head.</summary>
    Head,
}
