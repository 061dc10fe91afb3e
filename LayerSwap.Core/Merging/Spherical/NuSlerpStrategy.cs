using System.Globalization;
using LayerSwap.Streaming;

namespace LayerSwap.Merging;

/// <summary>Spherical interpolation of two models, or of their changes from a base, by whole tensors, rows or columns.</summary>
internal sealed class NuSlerpStrategy(NuSlerpOptions options) : IMergeStrategy, IRecipeForm
{
    private const double NearlyZero = 1e-6;

    public string Name => "nuslerp";

    public string Settings => ToString();

    public IEnumerable<(string Name, object Value)> Parameters => [("nuslerp_flatten", options.Flatten), ("nuslerp_row_wise", options.RowWise)];

    public override string ToString() => options.ToString();

    public TensorOperation Bind(TensorContext tensor)
    {
        if (tensor.SourceCount != 2)
        {
            throw new MergeException($"nuslerp merges two models, besides a base if there is one; this merge has {tensor.SourceCount}.");
        }

        double sum = tensor.Weights.Sum(), t = Math.Abs(sum) < NearlyZero ? 0.5 : tensor.Weights[1] / sum;
        TensorShape shape = tensor.Output.Shape;
        GramGroups groups = options.Flatten ? GramGroups.Whole(shape) : options.RowWise ? GramGroups.AlongFirst(shape) : GramGroups.Rows(shape);
        return new GramOperation(groups, 2, tensor.HasBase, tensor.HasBase, g => Spherical.NuSlerp(g, t), $"t {t.ToString("0.####", CultureInfo.InvariantCulture)}");
    }
}
