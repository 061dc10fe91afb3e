using System.Globalization;

namespace LayerSwap.Merging;

/// <summary>The options that ties, dare, breadcrumbs and della have in common.</summary>
internal sealed record TaskVectorChoices(PerSource Density, Schedule Lambda, bool Normalize, Rescale Rescale, bool SignConsensus);

/// <summary>
/// The base class of methods that sparsify each delta and merge the masked deltas: a sparsifier, a sum or a sign election, a scale.
/// </summary>
internal abstract class TaskVectorStrategy<TOptions>(MethodDescriptor<TOptions> descriptor, TOptions options)
    : MethodStrategy<TOptions>(descriptor, options)
    where TOptions : class
{
    protected abstract TaskVectorChoices Choices { get; }

    public sealed override TensorOperation Bind(TensorContext tensor)
    {
        ModelCount.RequireBase(Name, tensor, 0);
        if (tensor.SourceCount == 0)
        {
            return TensorOperation.Take(TensorOperation.Base);
        }

        double[] densities = Choices.Density.At(tensor, "density");
        // A density of 1 or more keeps all.
        Array.ForEach(densities, d => Require(d >= 0, "density", d, "0 or more"));
        TaskVectorParameters parameters = new()
        {
            Weights = [.. tensor.Weights],
            Densities = densities,
            Lambda = Choices.Lambda.At(tensor.Place),
            Normalize = Choices.Normalize,
            Rescale = Choices.Rescale,
            SignConsensus = Choices.SignConsensus,
        };
        return new TaskVectorOperation(parameters, Sparsifier(tensor, densities));
    }

    protected abstract ISparsifier Sparsifier(TensorContext tensor, double[] densities);

    /// <summary>Gets the random stream of each source.</summary>
    protected static ulong[] Streams(TensorContext tensor) =>
        [.. Enumerable.Range(0, tensor.SourceCount).Select(s => CounterRandom.CreateStream(tensor.Seed, tensor.Output.Name, s))];

    protected void Require(bool holds, string parameter, double value, string expected)
    {
        if (!holds)
        {
            throw new MergeException($"{Name}: {parameter} is {value.ToString(CultureInfo.InvariantCulture)}; expected is {expected}.");
        }
    }
}

/// <summary>The parameters that the task vector methods share.</summary>
internal static class TaskVectorDescriptors
{
    public static MethodDescriptor<TOptions> Density<TOptions>(
        this MethodDescriptor<TOptions> method, Func<TOptions, PerSource> get, Func<TOptions, PerSource, TOptions> set)
        where TOptions : class => method.PerSource("density", "The share of each delta that is kept; 0 to 1.", get, set);

    public static MethodDescriptor<TOptions> Lambda<TOptions>(
        this MethodDescriptor<TOptions> method, Func<TOptions, Schedule> get, Func<TOptions, Schedule, TOptions> set)
        where TOptions : class => method.Number("lambda", "The scale of the merged delta.", get, set);

    public static MethodDescriptor<TOptions> Normalize<TOptions>(
        this MethodDescriptor<TOptions> method, Func<TOptions, bool> get, Func<TOptions, bool, TOptions> set)
        where TOptions : class => method.Switch("normalize", "Whether the result is divided by the sum of weights.", get, set);

    /// <summary>Declares mergekit's rescale, which uses the L1 norm.</summary>
    public static MethodDescriptor<TOptions> Rescale<TOptions>(
        this MethodDescriptor<TOptions> method, Func<TOptions, Rescale> get, Func<TOptions, Rescale, TOptions> set)
        where TOptions : class => method.Switch(
            "rescale",
            "Whether kept values are scaled so that the sum of magnitudes stays.",
            o => IsL1(get(o)),
            (o, v) => set(o, v ? LayerSwap.Rescale.L1 : LayerSwap.Rescale.None));

    private static bool IsL1(Rescale rescale) => rescale == LayerSwap.Rescale.Density
        ? throw new NotSupportedException("rescaling by density has no word in recipes, where rescale means the sum of magnitudes.")
        : rescale == LayerSwap.Rescale.L1;
}
