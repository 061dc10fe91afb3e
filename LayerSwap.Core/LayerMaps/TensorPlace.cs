using LayerSwap.LayerMaps;
namespace LayerSwap;

/// <summary>Where a tensor belongs in its model, told from names alone.</summary>
public sealed record TensorPlace
{
    /// <summary>The tensor's name.</summary>
    public required string Name { get; init; }

    /// <summary>The name of the stack of layers it belongs to, such as <c>model.layers</c>, or null outside all layers.</summary>
    public string? Stack { get; init; }

    /// <summary>The index of its layer within the stack, from 0, or null outside the layers.</summary>
    public int? Layer { get; init; }

    /// <summary>How many layers its stack has: the highest index plus one. Outside the layers, those of the main stack.</summary>
    public required int LayerCount { get; init; }

    /// <summary>Whether it lies in the main stack: the language model's decoder, where there are several.</summary>
    public required bool InMainStack { get; init; }

    /// <summary>The part of the layer: the name after the layer's number, without <c>.weight</c>, expert numbers as <c>*</c>; outside the layers the name without <c>.weight</c>.</summary>
    public required string Component { get; init; }

    /// <summary>What it is for.</summary>
    public required TensorKind Kind { get; init; }

    /// <summary>Whether it belongs to a part that sees or hears, beside a language model.</summary>
    internal bool InTower { get; init; }

    /// <summary>Whether its rows are those of tokens: the token embedding, the output projection onto tokens, and its bias; not positions, types or classes.</summary>
    internal bool IsTokenTable => LayerMaps.TensorKindClassifier.IsTokenTable(Name, Kind);
}
