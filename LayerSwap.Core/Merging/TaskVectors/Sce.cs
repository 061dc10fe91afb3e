using System.Globalization;
using System.Numerics.Tensors;
using LayerSwap.Buffers;
using LayerSwap.Merging;

namespace LayerSwap;

public static partial class MergeStrategies
{
    /// <summary>
    /// SCE (Wan et al., arXiv:2408.07990, section 3): selects the elements whose deltas vary most between the models, weights the models by
    /// the squared norm of their selected deltas, and erases minority signs. Needs a base.
    /// </summary>
    /// <param name="selectTopk">The share of the elements with non-zero variance that is selected: 0 to 1; 1 by default.</param>
    public static IMergeStrategy Sce(Schedule? selectTopk = null) => new Sce(new(selectTopk ?? 1));
}

/// <summary>Selects, calculates, erases (arXiv:2408.07990, section 3).</summary>
internal sealed class Sce(Sce.Parameter options) : MethodStrategy<Sce.Parameter>(Descriptor, options)
{
    public static readonly MethodDescriptor<Parameter> Descriptor = new MethodDescriptor<Parameter>(
        "sce", "Positions where the models vary most, weighted by energy, minority signs erased.", new(1), o => new Sce(o))
    {
        NeedsBase = true,
    }
    .Number("select_topk", "The share of positions kept; 0 to 1.", o => o.SelectTopk, (_, v) => new(v))
    .Ignored("int8_mask");

    public override TensorOperation Bind(TensorContext tensor)
    {
        ModelCount.RequireBase(Name, tensor, 1);
        double share = Options.SelectTopk.At(tensor.Place);
        return share is >= 0 and <= 1 ? new SceOperation(tensor.SourceCount, share)
            : throw new MergeException($"sce: select_topk is {share.ToString(CultureInfo.InvariantCulture)}; expected is 0 to 1.");
    }

    internal sealed record Parameter(Schedule SelectTopk)
    {
        public override string ToString() => $"select_topk {SelectTopk}";
    }
}

/// <summary>Ranks elements by the variance of their deltas across the sources.</summary>
internal sealed class VarianceRanking : IRanking
{
    public void ComputeKeys<T>(in OperandBlock<T> block, int ranking, Span<ulong> keys)
        where T : unmanaged => VarianceKernel.ComputeKeys(block, keys);
}

/// <summary>The operation: a threshold on the variance, the squared norm of each source's selected deltas, a sign election.</summary>
internal sealed class SceOperation(int sources, double share) : GenericOperation
{
    private const double NearlyZero = 1e-6;

    private RankThreshold _threshold = RankThreshold.All;
    private SignElection _election = null!;

    public override AgreementRule Agreement => AgreementRule.All;

    public override string Detail => $"select_topk {share.ToString(CultureInfo.InvariantCulture)}";

    public override void Prepare(TensorPasses passes)
    {
        if (share < 1)
        {
            // If no element varies, none is selected and the base remains, as in mergekit 0.1.5.
            _threshold = RankSelector.Select(passes, new VarianceRanking(), RankRequest.ForNonZeroShare(0, share))[0];
        }

        double[] squares = passes.Reduce(new SquaresReduction(this, sources));
        double sum = squares.Sum(), mean = sum / Math.Max(passes.ElementCount, 1);
        bool even = Math.Abs(mean) < NearlyZero || !double.IsFinite(mean);
        _election = SignElection.OfSce([.. squares.Select(e => even ? 1.0 / sources : e / sum)], NearlyZero);
    }

    protected override void Compute<T>(in OperandBlock<T> block)
    {
        using PooledBuffer<ulong> mask = new(BitMask.WordCount(block.Length));
        _election.ApplyTo(Select(block, mask.Span), block.Output);
    }

    /// <summary>Masks the deltas that are not selected.</summary>
    private MaskedDeltas<T> Select<T>(in OperandBlock<T> block, Span<ulong> mask)
        where T : unmanaged
    {
        if (_threshold == RankThreshold.All)
        {
            mask.Fill(ulong.MaxValue);
        }
        else
        {
            using PooledBuffer<ulong> keys = new(block.Length);
            VarianceKernel.ComputeKeys(block, keys.Span);
            // After the index of the threshold, keys equal to its key are not selected.
            int alike = _threshold.CountAlike(block.Start, block.Length);
            ulong low = _threshold.LowestIncludedKey(block.Start) ?? long.MaxValue;
            for (int i = alike; i < block.Length; i++)
            {
                keys.Span[i] = keys.Span[i] == low ? 0 : keys.Span[i];
            }

            MaskKernel.MaskAtLeast(keys.Span, low, mask);
        }

        return new MaskedDeltas<T>(block, mask);
    }

    /// <summary>Sums the squares of each source's selected deltas. BF16 is widened, because masked BF16 must be finite.</summary>
    private sealed class SquaresReduction(SceOperation operation, int sources) : IReduction<double[]>
    {
        public double[] Create() => new double[sources];

        public void Observe<T>(OperandBlock<T> block, double[] state)
            where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
        {
            using PooledBuffer<ulong> mask = new(BitMask.WordCount(block.Length));
            MaskedDeltas<T> deltas = operation.Select(block, mask.Span);
            for (int s = 0; s < sources; s++)
            {
                state[s] += deltas.SumOfSquares(s);
            }
        }

        public void Combine(double[] into, double[] from) => TensorPrimitives.Add(into, from, into);
    }
}
