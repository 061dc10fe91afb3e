using System.Globalization;

namespace LayerSwap.Merging;

/// <summary>Which elements of a change a method keeps.</summary>
internal enum Sparsification
{
    Magnitude,
    MagnitudeWithoutOutliers,
    Random,
    RankedRandom,
}

/// <summary>The one engine behind ties, dare, breadcrumbs and della: a sparsifier, a consensus, a scale.</summary>
internal sealed class TaskVectorStrategy : IMergeStrategy, IRecipeForm
{
    public required string Name { get; init; }

    public string Settings => ToString();

    public required Sparsification Sparsification { get; init; }

    public required bool SignConsensus { get; init; }

    public required bool Normalize { get; init; }

    public required Rescale Rescale { get; init; }

    public required Schedule Lambda { get; init; }

    public required PerSource Density { get; init; }

    public PerSource Gamma { get; init; } = 0.0;

    public PerSource Epsilon { get; init; } = 0.0;

    public IEnumerable<(string Name, object Value)> Parameters =>
    [
        ("density", Density), ("lambda", Lambda), ("normalize", Normalize),
        ("rescale", Rescale == Rescale.Density ? throw new NotSupportedException($"{Name}: rescaling by density has no word in recipes, where rescale means the sum of magnitudes.") : Rescale == Rescale.L1),
        .. Sparsification switch
        {
            Sparsification.MagnitudeWithoutOutliers => (IEnumerable<(string, object)>)[("gamma", Gamma)],
            Sparsification.RankedRandom => [("epsilon", Epsilon)],
            _ => [],
        },
    ];

    public override string ToString() =>
        $"density {Density}, gamma {Gamma}, epsilon {Epsilon}, lambda {Lambda}{(SignConsensus ? ", sign consensus" : "")}{(Normalize ? ", normalized" : "")}, rescale {Rescale}";

    public TensorOperation Bind(TensorContext tensor)
    {
        TwoModels.RequireBase(Name, tensor, 0);
        if (tensor.SourceCount == 0)
        {
            return TensorOperation.Take(TensorOperation.Base);
        }

        double[] densities = Density.At(tensor, "density");
        foreach (double density in densities)
        {
            // 1 or more keeps all.
            Require(density >= 0, "density", density, "0 or more");
        }

        return new TaskVectorOperation(
            new TaskVectorParameters
            {
                Weights = [.. tensor.Weights],
                Densities = densities,
                Lambda = Lambda.At(tensor.Place),
                Normalize = Normalize,
                Rescale = Rescale,
                SignConsensus = SignConsensus,
            },
            Sparsifier(tensor, densities));
    }

    private ISparsifier Sparsifier(TensorContext tensor, double[] densities)
    {
        switch (Sparsification)
        {
            case Sparsification.Random:
                return new DareSparsifier(densities, Streams(tensor));
            case Sparsification.RankedRandom:
                double[] epsilons = Epsilon.At(tensor, "epsilon");
                for (int s = 0; s < densities.Length; s++)
                {
                    Require(densities[s] >= 1 || (densities[s] - epsilons[s] > 0 && densities[s] + epsilons[s] < 1), "epsilon", epsilons[s],
                        string.Create(CultureInfo.InvariantCulture, $"less than the distance of density {densities[s]} to 0 and to 1"));
                    Require(epsilons[s] >= 0, "epsilon", epsilons[s], "0 or more");
                }

                TensorShape shape = tensor.Output.Shape;
                return new DellaSparsifier(densities, epsilons, Streams(tensor), shape.Rank == 0 ? 1 : Math.Max(shape[shape.Rank - 1], 1));
            default:
                double[] gammas = Sparsification == Sparsification.Magnitude ? new double[densities.Length] : Gamma.At(tensor, "gamma");
                foreach (double gamma in gammas)
                {
                    Require(gamma is >= 0 and < 1, "gamma", gamma, "0 up to, but without, 1");
                }

                return new MagnitudeSparsifier(densities, gammas, tensor.Output.ElementCount);
        }
    }

    private static ulong[] Streams(TensorContext tensor) => [.. Enumerable.Range(0, tensor.SourceCount).Select(s => CounterRandom.Stream(tensor.Seed, tensor.Output.Name, s))];

    private void Require(bool holds, string parameter, double value, string expected)
    {
        if (!holds)
        {
            throw new MergeException($"{Name}: {parameter} is {value.ToString(CultureInfo.InvariantCulture)}; expected is {expected}.");
        }
    }
}
