namespace LayerSwap;

/// <summary>What layer swapping does with parameters outside the layers. The paper does not say: averaging is the default here.</summary>
public enum OutsidePolicy
{
    /// <summary>The weighted average of the two experts.</summary>
    Average,

    /// <summary>The task expert's bytes.</summary>
    Task,

    /// <summary>The language expert's bytes.</summary>
    Language,

    /// <summary>The base's bytes; a base is then needed.</summary>
    Base,
}
