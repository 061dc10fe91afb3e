using System.Globalization;
using LayerSwap.Merging;

namespace LayerSwap;

public static partial class MergeStrategies
{
    /// <summary>
    /// LiNeS (Wang et al., arXiv:2410.17146): task arithmetic whose scale grows linearly with depth from alpha to alpha + beta. Needs a
    /// base.
    /// </summary>
    /// <param name="alpha">The scale at the first layer, and outside the layers; finite.</param>
    /// <param name="beta">The growth from the first layer to the last; finite.</param>
    public static IMergeStrategy Lines(double alpha, double beta) => new Lines(new() { Alpha = alpha, Beta = beta });
}

/// <summary>Task arithmetic whose scale grows linearly with depth.</summary>
internal sealed class Lines(Lines.Parameter options) : MethodStrategy<Lines.Parameter>(Descriptor, options)
{
    public static readonly MethodDescriptor<Parameter> Descriptor = new MethodDescriptor<Parameter>(
        "lines", "Task arithmetic whose scale grows with depth.", new(), o => new Lines(o))
    {
        NeedsBase = true,
        UsesWeights = true,
    }
    .Plain("alpha", "The scale at the first layer.", o => o.Alpha, (o, v) => o with { Alpha = v })
    .Plain("beta", "The growth to the last layer.", o => o.Beta, (o, v) => o with { Beta = v });

    public override TensorOperation Bind(TensorContext tensor) =>
        TaskArithmetic.Bind(Name, new() { Scale = Schedule.Linear(Options.Alpha, Options.Alpha + Options.Beta) }, tensor);

    internal sealed record Parameter
    {
        public double Alpha { get; init; } = 1;

        public double Beta { get; init; }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"alpha {Alpha}, beta {Beta}");
    }
}
