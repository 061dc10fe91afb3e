using System.Globalization;

namespace LayerSwap.Merging;

/// <summary>Spherical interpolation from the base (or first model) to the other.</summary>
internal sealed class SlerpStrategy(Schedule t) : IMergeStrategy, IRecipeForm
{
    public string Name => "slerp";

    public string Settings => ToString();

    public IEnumerable<(string Name, object Value)> Parameters => [("t", t)];

    public override string ToString() => $"t {t}";

    public TensorOperation Bind(TensorContext tensor)
    {
        TwoModels.Require(Name, tensor);
        double at = t.At(tensor.Place);
        return new GramOperation(GramGroups.Whole(tensor.Output.Shape), 2, fromBase: false, readsBase: tensor.HasBase, g => Spherical.Slerp(g, at), $"t {at.ToString(CultureInfo.InvariantCulture)}");
    }
}
