using LayerSwap.Merging;

namespace LayerSwap;

public static partial class MergeStrategies
{
    /// <summary>
    /// Model Stock (Jang et al., arXiv:2403.19522): moves the base towards the mean of N models by <c>N c / (1 + (N - 1) c)</c>, with c the
    /// mean cosine between their deltas. Needs a base and two or more sources.
    /// </summary>
    /// <param name="filterWise">Whether each row (along the last axis) has its own ratio instead of the whole tensor; false by
    /// default.</param>
    public static IMergeStrategy ModelStock(bool filterWise = false) => new ModelStock(new(filterWise));
}

/// <summary>Moves the base towards the mean of the models, as far as their deltas agree in direction.</summary>
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
