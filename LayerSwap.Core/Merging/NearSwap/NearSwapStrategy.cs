using System.Globalization;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Takes the other model where it is near the base, and less of it the further away it is.</summary>
internal sealed class NearSwapStrategy(Schedule t) : IMergeStrategy, IRecipeForm
{
    public string Name => "nearswap";

    public string Settings => ToString();

    public IEnumerable<(string Name, object Value)> Parameters => [("t", t)];

    public override string ToString() => $"t {t}";

    public TensorMerge Bind(MergeTensor tensor)
    {
        TwoModels.RequireBaseAndOne(Name, tensor);
        double at = t.At(tensor.Place);
        return at >= 0 ? new Bound(at) : throw new MergeException($"nearswap: t is {at.ToString(CultureInfo.InvariantCulture)}; expected is 0 or more.");
    }

    private sealed class Bound(double t) : PreciseMerge
    {
        private const double Floor = 1e-6;

        public override AgreementRule Agreement => AgreementRule.All;

        public override string Detail => $"t {t.ToString(CultureInfo.InvariantCulture)}";

        protected override void Compute<T>(in Aligned<T> block, Span<T> output)
        {
            ReadOnlySpan<T> origin = block.Base, other = block[0];
            for (int i = 0; i < origin.Length; i++)
            {
                double x = Wide.One(origin[i]), y = Wide.One(other[i]);
                double w = Math.Clamp(t / Math.Max(Math.Abs(x - y), Floor), 0, 1);
                output[i] = Wide.Narrow<T>((w * y) + ((1 - w) * x));
            }
        }
    }
}
