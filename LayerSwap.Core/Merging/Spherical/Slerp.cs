using System.Globalization;
using LayerSwap.Merging;

namespace LayerSwap;

public static partial class MergeStrategies
{
    /// <summary>
    /// Spherical interpolation (Shoemake, 1985): <c>sin((1-t)o)/sin o x_0 + sin(t o)/sin o x_1</c> with o the angle between the models;
    /// linear if they are nearly parallel. Merges a base x_0 and one source, or two sources; each tensor is one vector.
    /// </summary>
    /// <param name="t">The position: 0 is the base or the first model, 1 the other.</param>
    public static IMergeStrategy Slerp(Schedule t)
    {
        ArgumentNullException.ThrowIfNull(t);
        return new Slerp(new(t));
    }
}

/// <summary>Interpolates between two models on the sphere; each tensor is one vector.</summary>
internal sealed class Slerp(Slerp.Parameter options) : MethodStrategy<Slerp.Parameter>(Descriptor, options)
{
    public static readonly MethodDescriptor<Parameter> Descriptor = new MethodDescriptor<Parameter>(
        "slerp", "Spherical interpolation from the base, or the first of two models, to the other.", new(0.5), o => new Slerp(o))
        .Number("t", "From 0, the first, to 1, the second.", o => o.T, (_, v) => new(v));

    public override TensorOperation Bind(TensorContext tensor)
    {
        ModelCount.RequireTwo(Name, tensor);
        double t = Options.T.At(tensor.Place);
        string detail = $"t {t.ToString(CultureInfo.InvariantCulture)}";
        return new GramOperation(
            GramGroups.Whole(tensor.Output.Shape), 2, fromBase: false, readsBase: tensor.HasBase, g => Spherical.Slerp(g, t), detail);
    }

    internal sealed record Parameter(Schedule T)
    {
        public override string ToString() => $"t {T}";
    }
}
