using LayerSwap.Merging;

namespace LayerSwap;

/// <summary>Options of the Karcher mean.</summary>
public sealed record KarcherOptions
{
    /// <summary>The maximum number of iterations, 1 or more; 10 by default.</summary>
    public int MaxIterations { get; init; } = 10;

    /// <summary>
    /// The step length that ends the iteration, and below which norms and angles count as zero; above 0, 1e-5 by default.
    /// </summary>
    public double Tolerance { get; init; } = 1e-5;
}

public static partial class MergeStrategies
{
    /// <summary>
    /// The Karcher mean (Karcher, 1977) of all models' directions, times their mean norm; each tensor is one vector. A base is one of the
    /// models.
    /// </summary>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public static IMergeStrategy Karcher(KarcherOptions? options = null) => new Karcher(options ?? new());
}

/// <summary>The Karcher mean of all models, including a base.</summary>
internal sealed class Karcher : MethodStrategy<KarcherOptions>
{
    public static readonly MethodDescriptor<KarcherOptions> Descriptor = new MethodDescriptor<KarcherOptions>(
        "karcher", "The Karcher mean of all models.", new(), o => new Karcher(o))
        .Whole("max_iter", "The most iterations; 1 or more.", 1, o => o.MaxIterations, (o, v) => o with { MaxIterations = v })
        .Plain("tol", "The step that ends the iteration; above 0.", o => o.Tolerance, (o, v) => o with { Tolerance = v });

    public Karcher(KarcherOptions options)
        : base(Descriptor, options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxIterations, 1, nameof(KarcherOptions.MaxIterations));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Tolerance, nameof(KarcherOptions.Tolerance));
    }

    public override TensorOperation Bind(TensorContext tensor)
    {
        int models = tensor.SourceCount + (tensor.HasBase ? 1 : 0);
        if (models == 1)
        {
            return TensorOperation.Take(tensor.HasBase ? TensorOperation.Base : 0);
        }

        return new GramOperation(
            GramGroups.Whole(tensor.Output.Shape), models, fromBase: false, tensor.HasBase,
            g => Spherical.Karcher(g, Options.MaxIterations, Options.Tolerance), "");
    }
}
