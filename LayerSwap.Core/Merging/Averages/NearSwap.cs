using System.Globalization;
using LayerSwap.Merging;
using LayerSwap.Numerics;

namespace LayerSwap;

public static partial class MergeStrategies
{
    /// <summary>
    /// NearSwap: <c>w x_1 + (1 - w) x_0</c> with <c>w = clamp(t / max(abs(x_0 - x_1), 1e-6), 0, 1)</c>, so that the other model x_1 counts
    /// most where it is near the base x_0. Needs a base and one source.
    /// </summary>
    /// <param name="t">The distance up to which elements are taken whole, in units of the weights; 0 or more.</param>
    public static IMergeStrategy NearSwap(Schedule t)
    {
        ArgumentNullException.ThrowIfNull(t);
        return new NearSwap(new(t));
    }
}

/// <summary>Takes the other model near the base, and less of it with growing distance.</summary>
internal sealed class NearSwap(NearSwap.Parameter options) : MethodStrategy<NearSwap.Parameter>(Descriptor, options)
{
    public static readonly MethodDescriptor<Parameter> Descriptor = new MethodDescriptor<Parameter>(
        "nearswap", "The other model's elements where they are near the base's.", new(null), o => new NearSwap(o))
    {
        NeedsBase = true,
    }
    .Number("t", "The distance up to which elements are taken whole; 0 or more.", o => o.T, (_, v) => new(v));

    public override TensorOperation Bind(TensorContext tensor)
    {
        ModelCount.RequireBaseAndOne(Name, tensor);
        double t = Options.T!.At(tensor.Place);
        return t >= 0
            ? new Operation(t)
            : throw new MergeException($"nearswap: t is {t.ToString(CultureInfo.InvariantCulture)}; expected is 0 or more.");
    }

    /// <summary>The options. The distance is required.</summary>
    internal sealed record Parameter(Schedule? T)
    {
        public override string ToString() => $"t {T}";
    }

    private sealed class Operation(double t) : GenericOperation
    {
        private const double LeastDistance = 1e-6;

        public override AgreementRule Agreement => AgreementRule.All;

        public override string Detail => $"t {t.ToString(CultureInfo.InvariantCulture)}";

        protected override void Compute<T>(in OperandBlock<T> block)
        {
            ReadOnlySpan<T> @base = block.Base, other = block[0];
            for (int i = 0; i < @base.Length; i++)
            {
                double x = VectorWidening.Load1(@base[i]), y = VectorWidening.Load1(other[i]);
                double w = Math.Clamp(t / Math.Max(Math.Abs(x - y), LeastDistance), 0, 1);
                block.Output[i] = VectorWidening.Round<T>((w * y) + ((1 - w) * x));
            }
        }
    }
}
