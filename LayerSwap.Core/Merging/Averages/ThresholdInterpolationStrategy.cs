using System.Globalization;
using LayerSwap.Numerics;
using LayerSwap.Streaming;

namespace LayerSwap.Merging;

/// <summary>Interpolates only tensors that differ by more than a threshold; others are the first model's (arXiv:2506.14794).</summary>
internal sealed class ThresholdInterpolationStrategy(Schedule t, Schedule threshold) : IMergeStrategy, IRecipeForm
{
    public string Name => "threshold_interpolation";

    public string Settings => ToString();

    public IEnumerable<(string Name, object Value)> Parameters => [("t", t), ("threshold", threshold)];

    public override string ToString() => $"t {t}, threshold {threshold}";

    public TensorOperation Bind(TensorContext tensor)
    {
        TwoModels.Require(Name, tensor);
        double least = threshold.At(tensor.Place);
        return least >= 0 ? new Bound(t.At(tensor.Place), least, tensor.HasBase)
            : throw new MergeException($"threshold_interpolation: threshold is {least.ToString(CultureInfo.InvariantCulture)}; expected is 0 or more.");
    }

    private sealed class Bound(double t, double threshold, bool hasBase) : GenericOperation
    {
        private double _share;

        public override bool ReadsBase => hasBase;

        public override AgreementRule Agreement => AgreementRule.All;

        public override string Detail => string.Create(CultureInfo.InvariantCulture, $"t {t}, threshold {threshold}");

        public override void Prepare(TensorPasses passes)
        {
            double[] sums = passes.Reduce(new DifferenceReduction(hasBase));
            _share = sums[0] > threshold * sums[1] ? t : 0;
        }

        protected override void Compute<T>(in OperandBlock<T> block)
        {
            Span<T> output = block.Output;
            ReadOnlySpan<T> first = hasBase ? block.Base : block[0], second = hasBase ? block[0] : block[1];
            for (int i = 0; i < first.Length; i++)
            {
                double x = VectorWidening.Load1(first[i]), y = VectorWidening.Load1(second[i]);
                output[i] = _share == 0 ? first[i] : VectorWidening.Round<T>(((1 - _share) * x) + (_share * y));
            }
        }
    }

    /// <summary>The sum of magnitudes of the difference, and of the first model.</summary>
    private sealed class DifferenceReduction(bool hasBase) : GenericReduction<double[]>
    {
        public override double[] Create() => new double[2];

        protected override void Add<T>(in OperandBlock<T> block, double[] state)
        {
            ReadOnlySpan<T> first = hasBase ? block.Base : block[0], second = hasBase ? block[0] : block[1];
            for (int i = 0; i < first.Length; i++)
            {
                double x = VectorWidening.Load1(first[i]), y = VectorWidening.Load1(second[i]);
                state[0] += Math.Abs(y - x);
                state[1] += Math.Abs(x);
            }
        }

        public override void Combine(double[] into, double[] from)
        {
            into[0] += from[0];
            into[1] += from[1];
        }
    }
}
