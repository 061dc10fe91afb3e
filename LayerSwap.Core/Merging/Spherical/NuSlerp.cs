using System.Globalization;
using LayerSwap.Merging;

namespace LayerSwap;

/// <summary>Options of nuslerp.</summary>
public sealed record NuSlerpOptions
{
    /// <summary>Whether the whole tensor is one vector; true by default.</summary>
    public bool Flatten { get; init; } = true;

    /// <summary>
    /// Without <see cref="Flatten"/>: whether vectors run along the first axis (true), or along the last (false, the default). Named as in
    /// recipes.
    /// </summary>
    public bool RowWise { get; init; }
}

public static partial class MergeStrategies
{
    /// <summary>
    /// Spherical interpolation of two weighted models, or of their deltas from a base; by whole tensors, rows or columns. Needs two
    /// sources.
    /// </summary>
    /// <param name="options">Null for the defaults.</param>
    public static IMergeStrategy NuSlerp(NuSlerpOptions? options = null) => new NuSlerp(options ?? new());
}

/// <summary>Spherical interpolation of two weighted models, or of their deltas from a base.</summary>
internal sealed class NuSlerp(NuSlerpOptions options) : MethodStrategy<NuSlerpOptions>(Descriptor, options)
{
    public static readonly MethodDescriptor<NuSlerpOptions> Descriptor = new MethodDescriptor<NuSlerpOptions>(
        "nuslerp", "Spherical interpolation of two weighted models, or of their deltas from a base.", new(), o => new NuSlerp(o))
    {
        UsesWeights = true,
    }
    .Switch("nuslerp_flatten", "Whether a tensor is one vector.", o => o.Flatten, (o, v) => o with { Flatten = v })
    .Switch("nuslerp_row_wise", "Without flattening: vectors along the first axis instead of the last.", o => o.RowWise,
        (o, v) => o with { RowWise = v });

    private const double NearlyZero = 1e-6;

    public override TensorOperation Bind(TensorContext tensor)
    {
        if (tensor.SourceCount != 2)
        {
            throw new MergeException($"nuslerp merges two models, besides a base if there is one; this merge has {tensor.SourceCount}.");
        }

        double sum = tensor.Weights.Sum(), t = Math.Abs(sum) < NearlyZero ? 0.5 : tensor.Weights[1] / sum;
        TensorShape shape = tensor.Output.Shape;
        GramGroups groups = Options.Flatten ? GramGroups.Whole(shape)
            : Options.RowWise ? GramGroups.AlongFirst(shape)
            : GramGroups.Rows(shape);
        string detail = $"t {t.ToString("0.####", CultureInfo.InvariantCulture)}";
        return new GramOperation(groups, 2, tensor.HasBase, tensor.HasBase, g => Spherical.NuSlerp(g, t), detail);
    }
}
