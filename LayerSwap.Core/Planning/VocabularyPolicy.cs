namespace LayerSwap;

/// <summary>What happens when embeddings or heads of the inputs have different numbers of rows.</summary>
public enum VocabularyPolicy
{
    /// <summary>Refused, with all shapes named. The default.</summary>
    Error,

    /// <summary>The output has the rows that all inputs have; the rest is cut off.</summary>
    Truncate,

    /// <summary>The output has all rows; rows that an input lacks are read from the base, or the first input that has them.</summary>
    Pad,
}
