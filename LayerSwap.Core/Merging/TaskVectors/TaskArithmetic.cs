using System.Globalization;
using LayerSwap.Merging;

namespace LayerSwap;

/// <summary>Options of task arithmetic.</summary>
public sealed record TaskArithmeticOptions
{
    /// <summary>The scale of the summed deltas (lambda in recipes), finite; 1 by default.</summary>
    public Schedule Scale { get; init; } = 1;

    /// <summary>Whether the sum is divided by the sum of the weights, unless that is below 1e-8 in magnitude; false by default.</summary>
    public bool Normalize { get; init; }
}

public static partial class MergeStrategies
{
    /// <summary>
    /// Task arithmetic (Ilharco et al., arXiv:2212.04089): the base x_0 plus the scaled, weighted sum of the sources' deltas,
    /// <c>x_0 + scale * sum w_i (x_i - x_0)</c>. Needs a base.
    /// </summary>
    /// <param name="scale">The scale (lambda), finite; 1 by default.</param>
    /// <param name="normalize">Whether the sum is divided by the sum of the weights; false by default.</param>
    public static IMergeStrategy TaskArithmetic(Schedule? scale = null, bool normalize = false) =>
        new TaskArithmetic(new() { Scale = scale ?? 1, Normalize = normalize });

    /// <inheritdoc cref="TaskArithmetic(Schedule?, bool)"/>
    /// <param name="options">The parameters.</param>
    public static IMergeStrategy TaskArithmetic(TaskArithmeticOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new TaskArithmetic(options);
    }
}

/// <summary>The base plus the scaled, weighted sum of the sources' deltas.</summary>
internal sealed class TaskArithmetic(TaskArithmeticOptions options) : MethodStrategy<TaskArithmeticOptions>(Descriptor, options)
{
    public static readonly MethodDescriptor<TaskArithmeticOptions> Descriptor = new MethodDescriptor<TaskArithmeticOptions>(
        "task_arithmetic", "The base plus the scaled sum of the models' deltas.", new(), o => new TaskArithmetic(o))
    {
        NeedsBase = true,
        UsesWeights = true,
    }
    .Number("lambda", "The scale of the merged delta.", o => o.Scale, (o, v) => o with { Scale = v })
    .Switch("normalize", "Whether the sum is divided by the sum of the weights.", o => o.Normalize, (o, v) => o with { Normalize = v });

    private const double NearlyZero = 1e-8;

    public override TensorOperation Bind(TensorContext tensor) => Bind(Name, Options, tensor);

    /// <summary>Binds task arithmetic for a method whose scale follows a formula.</summary>
    public static TensorOperation Bind(string method, TaskArithmeticOptions options, TensorContext tensor)
    {
        if (!tensor.HasBase)
        {
            throw new MergeException($"{method} adds deltas to a base; this merge has none. "
                + "Remedy: give the model that the others were fine-tuned from as the base.");
        }

        if (tensor.SourceCount == 0)
        {
            return TensorOperation.Take(TensorOperation.Base);
        }

        double sum = tensor.Weights.Sum(), scale = options.Scale.At(tensor.Place);
        return new Operation([.. tensor.Weights], options.Normalize && Math.Abs(sum) >= NearlyZero ? scale / sum : scale);
    }

    private sealed class Operation(double[] weights, double scale) : GenericOperation
    {
        public override AgreementRule Agreement => AgreementRule.All;

        public override string Detail => $"scale {Text(scale)}, weights {string.Join(", ", weights.Select(Text))}";

        protected override void Compute<T>(in OperandBlock<T> block) => LinearKernel.AddDeltas(weights, scale, block);

        private static string Text(double value) => value.ToString("0.####", CultureInfo.InvariantCulture);
    }
}
