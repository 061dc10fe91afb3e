using System.Globalization;
using System.Numerics.Tensors;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>What holds for one tensor: everything resolved to numbers.</summary>
internal sealed record TaskVectorSettings
{
    public required double[] Weights { get; init; }

    public required double[] Densities { get; init; }

    public required double Lambda { get; init; }

    public required bool Normalize { get; init; }

    public required Rescale Rescale { get; init; }

    /// <summary>Whether only entries that agree with the majority's sign count (TIES).</summary>
    public required bool SignConsensus { get; init; }
}

/// <summary><c>x_0 + lambda * consensus(w_i * sparsify(d_i))</c>: sparsify, weight, consensus, normalise, lambda, add.</summary>
internal sealed class TaskVectorMerge(TaskVectorSettings settings, ISparsifier sparsifier) : PreciseMerge
{
    private const double NearlyZero = 1e-8;

    private ISparsifier? _prepared;
    private SignConsensus _signs;
    private SumConsensus _sum;

    public override AgreementRule Agreement => AgreementRule.All;

    public override long Unit => sparsifier.Unit;

    public override string Detail => string.Create(CultureInfo.InvariantCulture, $"lambda {settings.Lambda:0.####}, weights {List(settings.Weights)}, density {List(settings.Densities)}");

    /// <summary>Pooled arrays are up to twice as long as asked for.</summary>
    internal override long BytesAnElement => 2 * (RankRoom.BytesAnElement + settings.Weights.Length);

    public override void Prepare(TensorPasses passes)
    {
        double[] factors = [.. settings.Densities.Select(d => settings.Rescale == Rescale.Density && d is > 0 and < 1 ? 1 / d : 1)];
        bool measured = settings.Rescale == Rescale.L1 && Enumerable.Range(0, factors.Length).Any(s => !sparsifier.Spares(s));
        ISparsifier prepared = sparsifier.Prepared(passes, measured);
        if (measured)
        {
            double[] sums = passes.Reduce(new MassReduction(prepared, factors.Length));
            for (int s = 0; s < factors.Length; s++)
            {
                factors[s] = sums[(2 * s) + 1] > 0 && double.IsFinite(sums[2 * s]) ? sums[2 * s] / sums[(2 * s) + 1] : 1;
            }
        }

        double[] scaled = new double[factors.Length];
        for (int s = 0; s < factors.Length; s++)
        {
            scaled[s] = settings.Weights[s] * factors[s];
        }

        double weights = settings.Weights.Sum();
        _signs = new SignConsensus(scaled, settings.Weights, settings.Normalize, settings.Lambda);
        _sum = new SumConsensus(scaled, settings.Normalize && Math.Abs(weights) >= NearlyZero ? weights : 1, settings.Lambda);
        _prepared = prepared;
    }

    internal override void Release() => _prepared?.Release();

    protected override void Compute<T>(in Aligned<T> block, Span<T> output)
    {
        ISparsifier prepared = _prepared!;
        int words = Bits.Words(block.Length);
        using Rented<ulong> bits = new(settings.Weights.Length * words);
        for (int s = 0; s < settings.Weights.Length; s++)
        {
            Span<ulong> own = bits.Span.Slice(s * words, words);
            if (prepared.Spares(s))
            {
                own.Fill(ulong.MaxValue);
            }
            else
            {
                prepared.Keep(block.Start, s, block.Base, block[s], own);
            }
        }

        KeptChanges<T> changes = new(block.Base, block.Sources, bits.Span);
        if (settings.SignConsensus)
        {
            ConsensusKernel.Onto(_signs, block.Base, changes, output);
        }
        else
        {
            ConsensusKernel.Onto(_sum, block.Base, changes, output);
        }
    }

    private static string List(double[] values) => string.Join("/", values.Select(v => v.ToString("0.####", CultureInfo.InvariantCulture)));

    /// <summary>The sum of magnitudes of each source before and after sparsifying.</summary>
    private sealed class MassReduction(ISparsifier sparsifier, int sources) : PreciseReduction<double[]>
    {
        public override double[] Create() => new double[2 * sources];

        protected override void Add<T>(in Aligned<T> block, double[] state)
        {
            for (int s = 0; s < sources; s++)
            {
                // What is spared keeps its mass: the factor is 1.
                (double all, double kept) = sparsifier.Spares(s) ? default : sparsifier.Masses(block.Start, s, block.Base, block[s]);
                state[2 * s] += all;
                state[(2 * s) + 1] += kept;
            }
        }

        public override void Combine(double[] into, double[] from) => TensorPrimitives.Add(into, from, into);
    }
}
