using LayerSwap.Planning;

namespace LayerSwap;

/// <summary>What is done to a tensor.</summary>
public enum PlannedOperation
{
    /// <summary>The bytes of one input, unchanged.</summary>
    Take,

    /// <summary>Computed, or converted to another dtype.</summary>
    Merge,
}

/// <summary>One output tensor of a plan: what is done, by which rule, from what, and where it will lie.</summary>
public sealed record PlannedTensor
{
    /// <summary>Name, dtype and shape of the output.</summary>
    public required TensorInfo Tensor { get; init; }

    /// <summary>Where it belongs in the model.</summary>
    public required TensorPlace Place { get; init; }

    /// <summary>What is done.</summary>
    public required PlannedOperation Operation { get; init; }

    /// <summary>The name of the strategy that decided it.</summary>
    public required string Strategy { get; init; }

    /// <summary>The rule that applied: a selector, or <c>everywhere</c>.</summary>
    public required string Rule { get; init; }

    /// <summary>The names of the inputs that are read.</summary>
    public required IReadOnlyList<string> Sources { get; init; }

    /// <summary>The parameter values that hold for it; empty for none.</summary>
    public required string Detail { get; init; }

    /// <summary>The file it will lie in.</summary>
    public required string File { get; init; }

    /// <summary>Its first byte in that file.</summary>
    public required long Offset { get; init; }

    internal TensorWork Work { get; init; } = null!;

    /// <summary>What is read of the inputs in the last pass.</summary>
    internal long ReadBytes => Work.Operands.Sum(o => Tensor.ElementCount * o.DType.Bits() / 8);
}
