using System.Globalization;

namespace LayerSwap;

/// <summary>
/// The weights of the two experts in averaged layers, normalised to a sum of 1. The paper does not specify them; equal is the default here.
/// </summary>
public abstract record TransitionWeights
{
    private protected TransitionWeights()
    {
    }

    /// <summary>Equal weights.</summary>
    public static TransitionWeights Equal { get; } = new Fixed(1, 1);

    /// <summary>
    /// Weights in proportion to each expert's mean absolute delta, tensor by tensor; equal if both are zero. Needs a base.
    /// </summary>
    public static TransitionWeights Proportional { get; } = new ByDelta(Inverse: false);

    /// <summary>
    /// Weights in proportion to the other expert's mean absolute delta, tensor by tensor; equal if both are zero. Needs a base.
    /// </summary>
    public static TransitionWeights InverselyProportional { get; } = new ByDelta(Inverse: true);

    /// <summary>Creates an explicit pair of weights.</summary>
    /// <param name="task">The task expert's weight, 0 or more.</param>
    /// <param name="language">The language expert's weight, 0 or more; not both 0.</param>
    /// <exception cref="ArgumentException">A weight is negative or not finite, or both are zero.</exception>
    public static TransitionWeights Of(double task, double language) =>
        double.IsFinite(task + language) && task >= 0 && language >= 0 && task + language > 0 ? new Fixed(task, language)
            : throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"The weights {task} and {language}: ")
                + "finite numbers of zero or more are expected, not both zero.");

    internal sealed record Fixed(double Task, double Language) : TransitionWeights;

    internal sealed record ByDelta(bool Inverse) : TransitionWeights;
}
