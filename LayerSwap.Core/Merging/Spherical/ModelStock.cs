using LayerSwap.Merging;

namespace LayerSwap;

public static partial class MergeStrategies
{
    /// <summary>
    /// Model Stock (Jang et al., arXiv:2403.19522): the base moved towards the models' mean by <c>N c / (1 + (N - 1) c)</c>, c the mean
    /// cosine between their deltas.
    /// </summary>
    /// <param name="filterWise">Whether row by row (along the last axis) instead of by whole tensors.</param>
    public static IMergeStrategy ModelStock(bool filterWise = false) => new ModelStock(new(filterWise));
}

/// <summary>The base moved towards the mean of the models, as far as their deltas agree in direction.</summary>
internal sealed class ModelStock(ModelStock.Parameter options) : MethodStrategy<ModelStock.Parameter>(Descriptor, options)
{
    public static readonly MethodDescriptor<Parameter> Descriptor = new MethodDescriptor<Parameter>(
        "model_stock", "The base moved towards the models' mean, as far as their deltas agree.", new(false), o => new ModelStock(o))
    {
        NeedsBase = true,
    }
    .Switch("filter_wise", "Whether row by row.", o => o.FilterWise, (_, v) => new(v));

    public override TensorOperation Bind(TensorContext tensor)
    {
        ModelCount.RequireBase(Name, tensor, 2);
        GramGroups groups = Options.FilterWise ? GramGroups.Rows(tensor.Output.Shape) : GramGroups.Whole(tensor.Output.Shape);
        return new GramOperation(groups, tensor.SourceCount, fromBase: true, readsBase: true, Spherical.ModelStock, "");
    }

    internal sealed record Parameter(bool FilterWise)
    {
        public override string ToString() => FilterWise ? "row by row" : "whole tensors";
    }
}
