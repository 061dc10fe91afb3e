using LayerSwap.Planning;

namespace LayerSwap;

/// <summary>The way an output tensor is made.</summary>
public enum PlannedOperation
{
    /// <summary>Copied from one input, byte for byte.</summary>
    Take,

    /// <summary>Computed, or converted to another dtype.</summary>
    Merge,
}

/// <summary>One output tensor of a plan: its operation, rule, sources, file and offset.</summary>
public sealed record PlannedTensor
{
    /// <summary>The name, dtype and shape.</summary>
    public required TensorInfo Tensor { get; init; }

    /// <summary>The place in the model: stack, layer and kind.</summary>
    public required TensorPlace Place { get; init; }

    /// <summary>The way it is made.</summary>
    public required PlannedOperation Operation { get; init; }

    /// <summary>The name of the strategy.</summary>
    public required string Strategy { get; init; }

    /// <summary>The rule that applied: a selector, or <c>everywhere</c>.</summary>
    public required string Rule { get; init; }

    /// <summary>The names of the inputs to read.</summary>
    public required IReadOnlyList<string> Sources { get; init; }

    /// <summary>The parameter values of the strategy; empty for none.</summary>
    public required string Detail { get; init; }

    /// <summary>The name of the output file.</summary>
    public required string File { get; init; }

    /// <summary>The offset of its first byte in <see cref="File"/>.</summary>
    public required long Offset { get; init; }

    internal TensorWork Work { get; init; } = null!;

    /// <summary>Bytes that the last pass reads from the inputs.</summary>
    internal long ReadBytes => Work.Operands.Sum(o => Tensor.ElementCount * o.DType.Bits() / 8);
}
