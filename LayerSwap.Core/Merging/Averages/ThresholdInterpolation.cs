using System.Globalization;
using System.Numerics.Tensors;
using LayerSwap.Merging;
using LayerSwap.Numerics;

namespace LayerSwap;

public static partial class MergeStrategies
{
    /// <summary>
    /// Interpolates only tensors whose mean absolute difference exceeds a threshold times the first model's mean magnitude; other tensors
    /// are the first model's (arXiv:2506.14794). Merges a base and one source, or two sources.
    /// </summary>
    /// <param name="t">The position: 0 is the first model (the base, if there is one), 1 the second.</param>
    /// <param name="threshold">The relative difference that must be exceeded; 0 or more.</param>
    public static IMergeStrategy ThresholdInterpolation(Schedule t, Schedule threshold)
    {
        ArgumentNullException.ThrowIfNull(t);
        ArgumentNullException.ThrowIfNull(threshold);
        return new ThresholdInterpolation(new(t, threshold));
    }
}

/// <summary>Interpolates only tensors that differ by more than a threshold.</summary>
internal sealed class ThresholdInterpolation(ThresholdInterpolation.Parameter options)
    : MethodStrategy<ThresholdInterpolation.Parameter>(Descriptor, options)
{
    public static readonly MethodDescriptor<Parameter> Descriptor = new MethodDescriptor<Parameter>(
        "threshold_interpolation",
        "Interpolates only tensors that differ by more than a threshold.",
        new(0.5, 0),
        o => new ThresholdInterpolation(o))
        .Number("t", "From 0, the first, to 1, the second.", o => o.T, (o, v) => o with { T = v })
        .Number(
            "threshold", "The relative difference that must be passed; 0 or more.", o => o.Threshold, (o, v) => o with { Threshold = v });

    public override TensorOperation Bind(TensorContext tensor)
    {
        ModelCount.RequireTwo(Name, tensor);
        double least = Options.Threshold.At(tensor.Place);
        return least >= 0 ? new Operation(Options.T.At(tensor.Place), least, tensor.HasBase)
            : throw new MergeException($"threshold_interpolation: threshold is {least.ToString(CultureInfo.InvariantCulture)}; "
                + "expected is 0 or more.");
    }

    internal sealed record Parameter(Schedule T, Schedule Threshold)
    {
        public override string ToString() => $"t {T}, threshold {Threshold}";
    }

    private sealed class Operation(double t, double threshold, bool hasBase) : GenericOperation
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
            ReadOnlySpan<T> first = hasBase ? block.Base : block[0], second = hasBase ? block[0] : block[1];
            for (int i = 0; i < first.Length; i++)
            {
                double x = VectorWidening.Load1(first[i]), y = VectorWidening.Load1(second[i]);
                block.Output[i] = _share == 0 ? first[i] : VectorWidening.Round<T>(((1 - _share) * x) + (_share * y));
            }
        }
    }

    /// <summary>Sums the magnitudes of the difference, and of the first model.</summary>
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

        public override void Combine(double[] into, double[] from) => TensorPrimitives.Add(into, from, into);
    }
}
