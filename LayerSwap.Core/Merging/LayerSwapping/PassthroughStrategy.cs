using System.Globalization;
using LayerSwap.Numerics;
using LayerSwap.Streaming;

namespace LayerSwap.Merging;

/// <summary>One source, unchanged or scaled.</summary>
internal sealed class PassthroughStrategy(Schedule? scale) : IMergeStrategy, IRecipeForm
{
    public string Name => "passthrough";

    public string Settings => ToString();

    public IEnumerable<(string Name, object Value)> Parameters => scale is null ? [] : [("scale", PerSource.FromSchedule(scale))];

    public override string ToString() => $"scale {scale ?? 1}";

    public TensorOperation Bind(TensorContext tensor)
    {
        int source = tensor.SourceCount switch
        {
            1 => 0,
            0 when tensor.HasBase => TensorOperation.Base,
            _ => throw new MergeException($"passthrough takes one source; this merge has {tensor.SourceCount}. Remedy: give one model, or choose a method that merges several."),
        };
        double factor = scale?.At(tensor.Place) ?? 1;
        return factor == 1 ? TensorOperation.Take(source) : new Scaled(factor, source);
    }

    private sealed class Scaled(double factor, int source) : GenericOperation
    {
        public override bool ReadsBase => source == Base;

        public override string Detail => $"scale {factor.ToString(CultureInfo.InvariantCulture)}";

        protected override void Compute<T>(in OperandBlock<T> block)
        {
            Span<T> output = block.Output;
            ReadOnlySpan<T> values = source == Base ? block.Base : block[source];
            for (int i = 0; i < values.Length; i++)
            {
                output[i] = VectorWidening.Round<T>(VectorWidening.Load1(values[i]) * factor);
            }
        }
    }
}
