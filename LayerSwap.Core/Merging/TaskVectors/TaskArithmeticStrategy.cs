using System.Globalization;
using LayerSwap.Numerics;
using LayerSwap.Streaming;

namespace LayerSwap.Merging;

/// <summary>The base plus the scaled, weighted sum of the sources' changes.</summary>
internal sealed class TaskArithmeticStrategy(TaskArithmeticOptions options, string name = "task_arithmetic") : IMergeStrategy, IRecipeForm
{
    private const double NearlyZero = 1e-8;

    public string Name => name;

    public string Settings => ToString();

    /// <summary>Those of task_arithmetic, which lines is by its schedule.</summary>
    public IEnumerable<(string Name, object Value)> Parameters => [("lambda", options.Scale), ("normalize", options.Normalize)];

    public override string ToString() => options.ToString();

    public TensorOperation Bind(TensorContext tensor)
    {
        if (!tensor.HasBase)
        {
            throw new MergeException($"{name} adds changes from a base; this merge has none. Remedy: give the model that the others were fine-tuned from as the base.");
        }

        if (tensor.SourceCount == 0)
        {
            return TensorOperation.Take(TensorOperation.Base);
        }

        double sum = tensor.Weights.Sum(), scale = options.Scale.At(tensor.Place);
        return new Bound([.. tensor.Weights], options.Normalize && Math.Abs(sum) >= NearlyZero ? scale / sum : scale);
    }

    private sealed class Bound(double[] weights, double scale) : GenericOperation
    {
        public override AgreementRule Agreement => AgreementRule.All;

        public override string Detail => $"scale {Text(scale)}, weights {string.Join(", ", weights.Select(Text))}";

        protected override void Compute<T>(in OperandBlock<T> block) => LinearKernel.AddDeltas(weights, scale, block);

        private static string Text(double value) => value.ToString("0.####", CultureInfo.InvariantCulture);
    }
}
