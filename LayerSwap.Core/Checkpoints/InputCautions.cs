namespace LayerSwap;

/// <summary>Checks that a caller can disable. Checks that prevent wrong numbers are not among them.</summary>
[Flags]
public enum InputCautions
{
    /// <summary>No check is disabled.</summary>
    None = 0,

    /// <summary>Accept an index that names other tensors than its shards contain. The shards take precedence.</summary>
    Index = 1,

    /// <summary>Accept models with different model_type in config.json, if all tensors fit.</summary>
    ModelType = 2,

    /// <summary>Accept models with fewer layers than their config.json states.</summary>
    Layers = 4,
}
