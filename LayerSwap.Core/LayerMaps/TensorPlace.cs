using LayerSwap.LayerMaps;

namespace LayerSwap;

/// <summary>The place of a tensor in its model, found from names alone.</summary>
public sealed record TensorPlace
{
    /// <summary>The tensor's name.</summary>
    public required string Name { get; init; }

    /// <summary>The name of its stack of layers, such as <c>model.layers</c>, or null outside all layers.</summary>
    public string? Stack { get; init; }

    /// <summary>The index of its layer in the stack, from 0, or null outside all layers.</summary>
    public int? Layer { get; init; }

    /// <summary>The number of layers of its stack: the highest index plus one. Outside all layers, that of the main stack.</summary>
    public required int LayerCount { get; init; }

    /// <summary>Whether the tensor is in the main stack: of several stacks, the language model's decoder.</summary>
    public required bool InMainStack { get; init; }

    /// <summary>
    /// The name after the layer number, without <c>.weight</c>, with expert numbers as <c>*</c>. Outside all layers, the name without
    /// <c>.weight</c>.
    /// </summary>
    public required string Component { get; init; }

    /// <summary>The role of the tensor.</summary>
    public required TensorKind Kind { get; init; }

    /// <summary>Whether the tensor belongs to a vision or audio tower of a language model.</summary>
    internal bool InTower { get; init; }

    /// <summary>Whether the tensor has one row per token: the token embedding, the output projection to tokens, and its bias.</summary>
    internal bool IsTokenTable => TensorKindClassifier.IsTokenTable(Name, Kind);
}
