using System.Globalization;
using LayerSwap.Merging;
using LayerSwap.Numerics;

namespace LayerSwap;

public static partial class MergeStrategies
{
    /// <summary>
    /// ExPO (Zheng et al., arXiv:2404.16792): <c>x_1 + alpha (x_1 - x_0)</c> extrapolates from the base x_0 past the fine-tuned model x_1.
    /// Needs a base and one source.
    /// </summary>
    /// <param name="alpha">The factor of the delta; any finite number, 0 for the fine-tuned model.</param>
    public static IMergeStrategy ExPO(Schedule alpha)
    {
        ArgumentNullException.ThrowIfNull(alpha);
        return new ExPO(new(alpha));
    }
}

/// <summary>Extrapolates past a fine-tuned model, away from its base.</summary>
internal sealed class ExPO(ExPO.Parameter options) : MethodStrategy<ExPO.Parameter>(Descriptor, options)
{
    public static readonly MethodDescriptor<Parameter> Descriptor = new MethodDescriptor<Parameter>(
        "expo", "Past the fine-tuned model, away from its base.", new(0.5), o => new ExPO(o))
    {
        NeedsBase = true,
    }
    .Number("alpha", "How far.", o => o.Alpha, (_, v) => new(v));

    public override TensorOperation Bind(TensorContext tensor)
    {
        ModelCount.RequireBaseAndOne(Name, tensor);
        return new Operation(Options.Alpha.At(tensor.Place));
    }

    internal sealed record Parameter(Schedule Alpha)
    {
        public override string ToString() => $"alpha {Alpha}";
    }

    private sealed class Operation(double alpha) : GenericOperation
    {
        public override AgreementRule Agreement => AgreementRule.All;

        public override string Detail => $"alpha {alpha.ToString(CultureInfo.InvariantCulture)}";

        protected override void Compute<T>(in OperandBlock<T> block)
        {
            ReadOnlySpan<T> @base = block.Base, fineTuned = block[0];
            for (int i = 0; i < @base.Length; i++)
            {
                double x = VectorWidening.Load1(@base[i]), y = VectorWidening.Load1(fineTuned[i]);
                block.Output[i] = VectorWidening.Round<T>(y + (alpha * (y - x)));
            }
        }
    }
}
