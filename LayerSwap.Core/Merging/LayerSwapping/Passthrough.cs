using System.Globalization;
using LayerSwap.Merging;
using LayerSwap.Numerics;

namespace LayerSwap;

public static partial class MergeStrategies
{
    /// <summary>Copies one source, or multiplies it by a scale.</summary>
    /// <param name="scale">The factor of every element, finite; null or 1 copies the bytes.</param>
    public static IMergeStrategy Passthrough(Schedule? scale = null) => new Passthrough(new(scale ?? 1));
}

/// <summary>One source, unchanged or scaled.</summary>
internal sealed class Passthrough(Passthrough.Parameter options) : MethodStrategy<Passthrough.Parameter>(Descriptor, options)
{
    public static readonly MethodDescriptor<Parameter> Descriptor = new MethodDescriptor<Parameter>(
        "passthrough", "One model, unchanged or scaled.", new(1), o => new Passthrough(o))
    {
        UsesBase = false,
    }
    .PerSource("scale", "The factor of every element; 1 copies bytes.", o => o.Scale, (_, v) => new(v.Single ?? v.Of(0)));

    public override TensorOperation Bind(TensorContext tensor)
    {
        int source = tensor.SourceCount switch
        {
            1 => 0,
            0 when tensor.HasBase => TensorOperation.Base,
            _ => throw new MergeException($"passthrough takes one source; this merge has {tensor.SourceCount}. "
                + "Remedy: give one model, or choose a method that merges several."),
        };
        double factor = Options.Scale.At(tensor.Place);
        return factor == 1 ? TensorOperation.Take(source) : new Operation(factor, source);
    }

    internal sealed record Parameter(Schedule Scale)
    {
        public override string ToString() => $"scale {Scale}";
    }

    private sealed class Operation(double factor, int source) : GenericOperation
    {
        public override bool ReadsBase => source == Base;

        public override string Detail => $"scale {factor.ToString(CultureInfo.InvariantCulture)}";

        protected override void Compute<T>(in OperandBlock<T> block)
        {
            ReadOnlySpan<T> values = source == Base ? block.Base : block[source];
            for (int i = 0; i < values.Length; i++)
            {
                block.Output[i] = VectorWidening.Round<T>(VectorWidening.Load1(values[i]) * factor);
            }
        }
    }
}
