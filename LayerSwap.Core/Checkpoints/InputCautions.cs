namespace LayerSwap;

/// <summary>Checks that are about caution: each can be lifted by who knows better. Checks without which numbers would be wrong are not among them.</summary>
[Flags]
public enum InputCautions
{
    /// <summary>Every check holds.</summary>
    None = 0,

    /// <summary>An index that names other tensors than its shards hold: the shards are believed.</summary>
    Index = 1,

    /// <summary>Models whose config.json names another model_type, though every tensor fits.</summary>
    ModelType = 2,

    /// <summary>Models with fewer layers than their config.json says.</summary>
    Layers = 4,
}
