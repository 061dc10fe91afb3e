using System.Globalization;

namespace LayerSwap;

/// <summary>
/// A number that may depend on the place of a tensor. A plain number converts to the schedule that always has it. Over depth,
/// <c>t = layer / (layers - 1)</c>, 1 for a stack of one layer; tensors outside the layers have t = 0.
/// </summary>
public abstract class Schedule
{
    private protected Schedule()
    {
    }

    /// <summary>The value for a tensor at this place.</summary>
    public abstract double At(TensorPlace place);

    /// <summary>From one value at the first layer to another at the last, in a straight line.</summary>
    /// <param name="first">At depth 0, and outside the layers.</param>
    /// <param name="last">At the last layer.</param>
    public static Schedule Linear(double first, double last) => Points(first, last);

    /// <summary>Straight lines between points spread evenly over the depth (mergekit's gradients).</summary>
    /// <param name="values">One or more finite numbers: <c>s = t (n - 1)</c>, linear between neighbours.</param>
    /// <exception cref="ArgumentException">No value, or one that is not finite.</exception>
    public static Schedule Points(params IReadOnlyList<double> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return values.Count > 0 && values.All(double.IsFinite) ? new PointSchedule([.. values])
            : throw new ArgumentException("A schedule needs one or more finite numbers.", nameof(values));
    }

    /// <summary>This schedule, but another one where the selector matches.</summary>
    /// <param name="selector">Where.</param>
    /// <param name="value">The schedule that holds there.</param>
    public Schedule Where(LayerSelector selector, Schedule value)
    {
        ArgumentNullException.ThrowIfNull(selector);
        ArgumentNullException.ThrowIfNull(value);
        return new PlaceSchedule(this, selector, value);
    }

    /// <summary>The schedule that always has one value.</summary>
    /// <exception cref="ArgumentException">The number is not finite.</exception>
    public static Schedule FromDouble(double value) => Points(value);

    /// <inheritdoc cref="FromDouble"/>
    public static implicit operator Schedule(double value) => FromDouble(value);

    /// <summary>The points, where it is nothing but lines between points over the depth.</summary>
    internal virtual IReadOnlyList<double>? Gradient => null;

    /// <summary>The value at t, from 0 to 1: <c>s = t (n - 1)</c>, linear between neighbours.</summary>
    internal static double Along(double[] values, double t)
    {
        double s = t * (values.Length - 1);
        int lower = Math.Min((int)s, values.Length - 1), upper = Math.Min(lower + 1, values.Length - 1);
        double fraction = s - lower;
        return fraction == 0 ? values[lower] : ((1 - fraction) * values[lower]) + (fraction * values[upper]);
    }

    private sealed class PointSchedule(double[] values) : Schedule
    {
        internal override IReadOnlyList<double>? Gradient => values;

        public override double At(TensorPlace place) =>
            Along(values, place.Layer is not { } layer ? 0 : place.LayerCount == 1 ? 1 : layer / (double)(place.LayerCount - 1));

        public override string ToString() => values.Length == 1
            ? values[0].ToString(CultureInfo.InvariantCulture)
            : "[" + string.Join(", ", values.Select(v => v.ToString(CultureInfo.InvariantCulture))) + "]";
    }

    private sealed class PlaceSchedule(Schedule otherwise, LayerSelector selector, Schedule value) : Schedule
    {
        public override double At(TensorPlace place) => (selector.Matches(place) ? value : otherwise).At(place);

        public override string ToString() => $"{value} for {selector}, else {otherwise}";
    }
}
