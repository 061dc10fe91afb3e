using System.Globalization;
using LayerSwap.Merging;

namespace LayerSwap;

public static partial class MergeStrategies
{
    /// <summary>
    /// Spherical interpolation (Shoemake, 1985) from the base, or the first of two models, to the other:
    /// <c>sin((1-t)o)/sin o x_0 + sin(t o)/sin o x_1</c>, o the angle between them; linear where they are nearly parallel.
    /// </summary>
    /// <param name="t">From 0, the first, to 1, the other.</param>
    public static IMergeStrategy Slerp(Schedule t)
    {
        ArgumentNullException.ThrowIfNull(t);
        return new Slerp(new(t));
    }
}

/// <summary>Spherical interpolation between two models, each tensor one vector.</summary>
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
