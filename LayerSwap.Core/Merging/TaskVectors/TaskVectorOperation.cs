using System.Globalization;
using System.Numerics.Tensors;
using LayerSwap.Buffers;

namespace LayerSwap.Merging;

/// <summary>The parameters of a task vector method for one tensor.</summary>
internal sealed record TaskVectorParameters
{
    /// <summary>The weight of each source.</summary>
    public required double[] Weights { get; init; }

    /// <summary>The density of each source.</summary>
    public required double[] Densities { get; init; }

    public required double Lambda { get; init; }

    public required bool Normalize { get; init; }

    public required Rescale Rescale { get; init; }

    /// <summary>Whether signs are elected (TIES).</summary>
    public required bool SignConsensus { get; init; }
}

/// <summary><c>base + lambda * merge(weight[s] * rescale(mask[s] * delta[s]))</c>, where merge is a sum or a sign election.</summary>
internal sealed class TaskVectorOperation(TaskVectorParameters parameters, ISparsifier sparsifier) : GenericOperation
{
    private const double NearlyZero = 1e-8;

    private ISparsifier? _prepared;
    private SignElection? _election;
    private WeightedSum? _sum;

    public override AgreementRule Agreement => AgreementRule.All;

    public override long RowLength => sparsifier.RowLength;

    public override string Detail =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"lambda {parameters.Lambda:0.####}, weights {List(parameters.Weights)}, density {List(parameters.Densities)}");

    /// <summary>Pooled arrays are up to twice as long as asked for.</summary>
    internal override long BytesPerElement => 2 * (DellaSparsifier.BytesPerElement + parameters.Weights.Length);

    public override void Prepare(TensorPasses passes)
    {
        ISparsifier prepared = sparsifier.Prepare(passes);
        double[] factors = [.. parameters.Densities.Select(d => parameters.Rescale == Rescale.Density && d is > 0 and < 1 ? 1 / d : 1)];
        if (parameters.Rescale == Rescale.L1 && Enumerable.Range(0, factors.Length).Any(s => !prepared.KeepsAll(s)))
        {
            double[] norms = passes.Reduce(new L1NormReduction(prepared, factors.Length));
            for (int s = 0; s < factors.Length; s++)
            {
                factors[s] = norms[(2 * s) + 1] > 0 && double.IsFinite(norms[2 * s]) ? norms[2 * s] / norms[(2 * s) + 1] : 1;
            }
        }

        double[] scaled = [.. parameters.Weights.Zip(factors, (w, f) => w * f)];
        if (parameters.SignConsensus)
        {
            _election = SignElection.OfTies(scaled, parameters.Weights, parameters.Normalize, parameters.Lambda);
        }
        else
        {
            double sum = parameters.Weights.Sum();
            _sum = new WeightedSum(scaled, parameters.Normalize && Math.Abs(sum) >= NearlyZero ? sum : 1, parameters.Lambda);
        }

        _prepared = prepared;
    }

    protected override void Compute<T>(in OperandBlock<T> block)
    {
        ISparsifier prepared = _prepared!;
        int words = BitMask.WordCount(block.Length);
        using PooledBuffer<ulong> masks = new(block.SourceCount * words);
        for (int s = 0; s < block.SourceCount; s++)
        {
            Span<ulong> mask = masks.Span.Slice(s * words, words);
            if (prepared.KeepsAll(s))
            {
                mask.Fill(ulong.MaxValue);
            }
            else
            {
                prepared.ComputeMask(block, s, mask);
            }
        }

        MaskedDeltas<T> deltas = new(block, masks.Span);
        _election?.ApplyTo(deltas, block.Output);
        _sum?.ApplyTo(deltas, block.Output);
    }

    private static string List(double[] values) => string.Join("/", values.Select(v => v.ToString("0.####", CultureInfo.InvariantCulture)));

    /// <summary>Computes the L1 norm of each source's delta, before and after masking; zeros for a source that is kept whole.</summary>
    private sealed class L1NormReduction(ISparsifier sparsifier, int sources) : GenericReduction<double[]>
    {
        public override double[] Create() => new double[2 * sources];

        protected override void Add<T>(in OperandBlock<T> block, double[] state)
        {
            using PooledBuffer<ulong> mask = new(BitMask.WordCount(block.Length));
            for (int s = 0; s < sources; s++)
            {
                if (!sparsifier.KeepsAll(s))
                {
                    sparsifier.ComputeMask(block, s, mask.Span);
                    (double all, double kept) = MaskKernel.ComputeL1Norms(block.Base, block[s], mask.Span);
                    state[2 * s] += all;
                    state[(2 * s) + 1] += kept;
                }
            }
        }

        public override void Combine(double[] into, double[] from) => TensorPrimitives.Add(into, from, into);
    }
}
