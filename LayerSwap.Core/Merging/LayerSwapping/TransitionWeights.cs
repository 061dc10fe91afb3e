using System.Globalization;

namespace LayerSwap;

/// <summary>
/// How the two experts are weighted where layer swapping averages them. Always renormalised to a sum of 1. The paper does not say how its
/// weights were set: equal is the default here.
/// </summary>
public abstract record TransitionWeights
{
    private protected TransitionWeights()
    {
    }

    /// <summary>Half and half.</summary>
    public static TransitionWeights Equal { get; } = new Fixed(1, 1);

    /// <summary>
    /// Each expert in proportion to its mean absolute change from the base, tensor by tensor; equal where neither changed. Needs a base.
    /// </summary>
    public static TransitionWeights Proportional { get; } = new ByChange(Inverse: false);

    /// <summary>Each expert in proportion to the other's mean absolute change from the base, tensor by tensor. Needs a base.</summary>
    public static TransitionWeights InverselyProportional { get; } = new ByChange(Inverse: true);

    /// <summary>An explicit pair.</summary>
    /// <param name="task">The task expert's weight, zero or more.</param>
    /// <param name="language">The language expert's weight, zero or more, not both zero.</param>
    /// <exception cref="ArgumentException">A weight is negative or not finite, or both are zero.</exception>
    public static TransitionWeights Of(double task, double language) =>
        double.IsFinite(task + language) && task >= 0 && language >= 0 && task + language > 0 ? new Fixed(task, language)
            : throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"The weights {task} and {language}: ")
                + "finite numbers of zero or more are expected, not both zero.");

    internal sealed record Fixed(double Task, double Language) : TransitionWeights;

    internal sealed record ByChange(bool Inverse) : TransitionWeights;
}
