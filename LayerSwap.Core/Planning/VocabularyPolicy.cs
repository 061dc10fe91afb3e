namespace LayerSwap;

/// <summary>The treatment of embeddings or heads with different numbers of rows.</summary>
public enum VocabularyPolicy
{
    /// <summary>Refuse, and list the shapes. The default.</summary>
    Error,

    /// <summary>Keep the rows that all inputs have.</summary>
    Truncate,

    /// <summary>Keep all rows. Missing rows are read from the base, or from the first input that has them.</summary>
    Pad,
}
