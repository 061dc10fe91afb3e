using LayerSwap.Merging;
using LayerSwap.Numerics;

namespace LayerSwap;

public static partial class MergeStrategies
{
    /// <summary>
    /// Arcee Fusion: takes the other model's elements whose importance is at least the median plus 1.5 times the interquartile range.
    /// Importance is the delta's magnitude times the divergence of its row (last axis). Exact at any size. Needs a base and one source.
    /// </summary>
    public static IMergeStrategy ArceeFusion() => new ArceeFusion(new());
}

/// <summary>Takes the other model's elements whose delta is important: large, in a row whose distribution changed.</summary>
internal sealed class ArceeFusion(ArceeFusion.Parameter options) : MethodStrategy<ArceeFusion.Parameter>(Descriptor, options)
{
    public static readonly MethodDescriptor<Parameter> Descriptor = new(
        "arcee_fusion", "The other model's elements where their delta is important.", new(), o => new ArceeFusion(o))
    {
        NeedsBase = true,
    };

    public override TensorOperation Bind(TensorContext tensor)
    {
        ModelCount.RequireBaseAndOne(Name, tensor);
        TensorShape shape = tensor.Output.Shape;
        return new ArceeFusionOperation(shape.Rank == 0 ? 1 : Math.Max(shape[shape.Rank - 1], 1));
    }

    /// <summary>The empty options.</summary>
    internal sealed record Parameter
    {
        public override string ToString() => "";
    }
}

/// <summary>The operation: a divergence for each row, quantiles of the importance, a choice for each element.</summary>
internal sealed class ArceeFusionOperation(long row) : GenericOperation, IRanking
{
    private double[] _divergences = [];
    private double _threshold;

    public override AgreementRule Agreement => AgreementRule.All;

    public override long RowLength => row;

    public override void Prepare(TensorPasses passes)
    {
        long n = passes.ElementCount;
        if (n == 0)
        {
            return;
        }

        _divergences = [.. passes.Reduce(new DivergenceReduction(row))];
        // Quantile r is the element at index floor(r (n - 1)) in ascending order, so its rank from the top is n minus that.
        double[] quantiles = [0.25, 0.5, 0.75];
        RankThreshold[] thresholds = RankSelector.Select(
            passes, this, [.. quantiles.Select(r => new RankRequest(0, n - (long)(r * (n - 1))))]);
        double smallest = BitConverter.UInt64BitsToDouble(passes.Reduce(new SmallestReduction(this)).Key);
        double[] values = [.. thresholds.Select(c => c == RankThreshold.All ? smallest : c.Value)];
        _threshold = values[1] + (1.5 * (values[2] - values[0]));
    }

    public void ComputeKeys<T>(in OperandBlock<T> block, int ranking, Span<ulong> keys)
        where T : unmanaged
    {
        for (int i = 0; i < keys.Length; i++)
        {
            keys[i] = SortKey.Of(Importance(block, i));
        }
    }

    protected override void Compute<T>(in OperandBlock<T> block)
    {
        Span<T> output = block.Output;
        for (int i = 0; i < block.Length; i++)
        {
            output[i] = Importance(block, i) >= _threshold ? block[0][i] : block.Base[i];
        }
    }

    private double Importance<T>(in OperandBlock<T> block, int i)
        where T : unmanaged =>
        Math.Abs(VectorWidening.Load1(block[0][i]) - VectorWidening.Load1(block.Base[i])) * _divergences[(block.Start + i) / row];

    private sealed class Holder
    {
        public ulong Key { get; set; } = ulong.MaxValue;
    }

    private sealed class SmallestReduction(ArceeFusionOperation operation) : GenericReduction<Holder>
    {
        public override Holder Create() => new();

        protected override void Add<T>(in OperandBlock<T> block, Holder state)
        {
            for (int i = 0; i < block.Length; i++)
            {
                state.Key = Math.Min(state.Key, SortKey.Of(operation.Importance(block, i)));
            }
        }

        public override void Combine(Holder into, Holder from) => into.Key = Math.Min(into.Key, from.Key);
    }

    /// <summary>
    /// For each row, <c>sum p ln(p / q)</c>; p and q are the softmax of the other model's and the base's row, each plus 1e-8.
    /// </summary>
    private sealed class DivergenceReduction(long row) : GenericReduction<List<double>>
    {
        private const double Floor = 1e-8;

        public override List<double> Create() => [];

        protected override void Add<T>(in OperandBlock<T> block, List<double> state)
        {
            for (int first = 0; first < block.Length; first += (int)row)
            {
                ReadOnlySpan<T> p = block[0].Slice(first, (int)row), q = block.Base.Slice(first, (int)row);
                (double maxP, double sumP) = Softmax(p);
                (double maxQ, double sumQ) = Softmax(q);
                double divergence = 0;
                for (int i = 0; i < p.Length; i++)
                {
                    double a = (Math.Exp(VectorWidening.Load1(p[i]) - maxP) / sumP) + Floor;
                    double b = (Math.Exp(VectorWidening.Load1(q[i]) - maxQ) / sumQ) + Floor;
                    divergence += a * Math.Log(a / b);
                }

                // Rounding may give a negative value for nearly equal rows.
                state.Add(Math.Max(divergence, 0));
            }
        }

        public override void Combine(List<double> into, List<double> from) => into.AddRange(from);

        private static (double Max, double Sum) Softmax<T>(ReadOnlySpan<T> values)
            where T : unmanaged
        {
            double max = double.NegativeInfinity, sum = 0;
            foreach (T value in values)
            {
                max = Math.Max(max, VectorWidening.Load1(value));
            }

            foreach (T value in values)
            {
                sum += Math.Exp(VectorWidening.Load1(value) - max);
            }

            return (max, sum);
        }
    }
}
