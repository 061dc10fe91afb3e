using LayerSwap.Streaming;
namespace LayerSwap.Merging;

/// <summary>The base moved towards the mean of the models, as far as their changes agree in direction.</summary>
internal sealed class ModelStockStrategy(bool filterWise) : IMergeStrategy, IRecipeForm
{
    public string Name => "model_stock";

    public string Settings => ToString();

    public IEnumerable<(string Name, object Value)> Parameters => [("filter_wise", filterWise)];

    public override string ToString() => filterWise ? "row by row" : "whole tensors";

    public TensorOperation Bind(TensorContext tensor)
    {
        TwoModels.RequireBase(Name, tensor, 2);
        GramGroups groups = filterWise ? GramGroups.Rows(tensor.Output.Shape) : GramGroups.Whole(tensor.Output.Shape);
        return new GramOperation(groups, tensor.SourceCount, fromBase: true, readsBase: true, Spherical.ModelStock, string.Empty);
    }
}
