namespace LayerSwap.Merging;

/// <summary>The average of two experts, weighted by the L1 norms of their deltas, which are measured by a pass over the tensor.</summary>
internal sealed class DeltaWeightedAverage(bool inverse) : GenericOperation
{
    private WeightedAverage? _average;

    public override AgreementRule Agreement => AgreementRule.Sources;

    public override string Detail => _average?.Detail ?? (inverse ? "weights inverse to change" : "weights by change");

    public override void Prepare(TensorPasses passes)
    {
        DeltaNorms norms = passes.Reduce(new DeltaNormReduction());
        (double task, double language) = inverse ? (norms.Language, norms.Task) : (norms.Task, norms.Language);
        double sum = task + language;
        // Divided here, because WeightedAverage takes a very small sum of norms for zero.
        _average = sum > 0 && double.IsFinite(sum)
            ? WeightedAverage.Of("layer_swap", [task / sum, language / sum], normalize: true)
            : WeightedAverage.Of("layer_swap", [1, 1], normalize: true);
    }

    protected override void Compute<T>(in OperandBlock<T> block) => _average!.ComputeBlock(block);

    private sealed class DeltaNorms
    {
        public double Task { get; set; }

        public double Language { get; set; }
    }

    private sealed class DeltaNormReduction : IReduction<DeltaNorms>
    {
        public DeltaNorms Create() => new();

        public void Observe<T>(OperandBlock<T> block, DeltaNorms state)
            where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
        {
            double task = 0, language = 0;
            for (int i = 0; i < block.Length; i++)
            {
                task += double.CreateTruncating(T.Abs(block[0][i] - block.Base[i]));
                language += double.CreateTruncating(T.Abs(block[1][i] - block.Base[i]));
            }

            state.Task += task;
            state.Language += language;
        }

        public void Combine(DeltaNorms into, DeltaNorms from)
        {
            into.Task += from.Task;
            into.Language += from.Language;
        }
    }
}
