using System.Globalization;
using LayerSwap.Numerics;
using LayerSwap.Streaming;

namespace LayerSwap.Merging;

/// <summary>Extrapolates past a fine-tuned model, away from its base.</summary>
internal sealed class ExPOStrategy(Schedule alpha) : IMergeStrategy, IRecipeForm
{
    public string Name => "expo";

    public string Settings => ToString();

    public IEnumerable<(string Name, object Value)> Parameters => [("alpha", alpha)];

    public override string ToString() => $"alpha {alpha}";

    public TensorOperation Bind(TensorContext tensor)
    {
        TwoModels.RequireBaseAndOne(Name, tensor);
        return new Bound(alpha.At(tensor.Place));
    }

    private sealed class Bound(double alpha) : GenericOperation
    {
        public override AgreementRule Agreement => AgreementRule.All;

        public override string Detail => $"alpha {alpha.ToString(CultureInfo.InvariantCulture)}";

        protected override void Compute<T>(in OperandBlock<T> block)
        {
            Span<T> output = block.Output;
            ReadOnlySpan<T> origin = block.Base, tuned = block[0];
            for (int i = 0; i < origin.Length; i++)
            {
                double x = VectorWidening.Load1(origin[i]), y = VectorWidening.Load1(tuned[i]);
                output[i] = VectorWidening.Round<T>(y + (alpha * (y - x)));
            }
        }
    }
}
