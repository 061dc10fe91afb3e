using System.Globalization;
using LayerSwap.Numerics;
using LayerSwap.Streaming;

namespace LayerSwap.Merging;

/// <summary>Takes the other model where it is near the base, and less of it the further away it is.</summary>
internal sealed class NearSwapStrategy(Schedule t) : IMergeStrategy, IRecipeForm
{
    public string Name => "nearswap";

    public string Settings => ToString();

    public IEnumerable<(string Name, object Value)> Parameters => [("t", t)];

    public override string ToString() => $"t {t}";

    public TensorOperation Bind(TensorContext tensor)
    {
        TwoModels.RequireBaseAndOne(Name, tensor);
        double at = t.At(tensor.Place);
        return at >= 0 ? new Bound(at) : throw new MergeException($"nearswap: t is {at.ToString(CultureInfo.InvariantCulture)}; expected is 0 or more.");
    }

    private sealed class Bound(double t) : GenericOperation
    {
        private const double Floor = 1e-6;

        public override AgreementRule Agreement => AgreementRule.All;

        public override string Detail => $"t {t.ToString(CultureInfo.InvariantCulture)}";

        protected override void Compute<T>(in OperandBlock<T> block)
        {
            Span<T> output = block.Output;
            ReadOnlySpan<T> origin = block.Base, other = block[0];
            for (int i = 0; i < origin.Length; i++)
            {
                double x = VectorWidening.Load1(origin[i]), y = VectorWidening.Load1(other[i]);
                double w = Math.Clamp(t / Math.Max(Math.Abs(x - y), Floor), 0, 1);
                output[i] = VectorWidening.Round<T>((w * y) + ((1 - w) * x));
            }
        }
    }
}
