using System.Globalization;

namespace LayerSwap;

/// <summary>
/// A number that may depend on the place of a tensor. A plain number converts to a constant schedule. Depth is
/// <c>t = layer / (layers - 1)</c>: from 0 to 1, 1 in a stack of one layer, 0 outside the layers.
/// </summary>
public abstract class Schedule
{
    private protected Schedule()
    {
    }

    /// <summary>Gets the value for a tensor at a place.</summary>
    public abstract double At(TensorPlace place);

    /// <summary>Creates a linear schedule over the depth.</summary>
    /// <param name="first">The value at the first layer, and outside the layers; finite.</param>
    /// <param name="last">The value at the last layer; finite.</param>
    /// <exception cref="ArgumentException">A value is not finite.</exception>
    public static Schedule Linear(double first, double last) => Points(first, last);

    /// <summary>Creates a piecewise linear schedule: points at equal distances over the depth (mergekit's gradients).</summary>
    /// <param name="values">One or more finite numbers. Value i is at depth <c>i / (n - 1)</c>, with linear interpolation between
    /// neighbours.</param>
    /// <exception cref="ArgumentException">There is no value, or one is not finite.</exception>
    public static Schedule Points(params IReadOnlyList<double> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return values.Count > 0 && values.All(double.IsFinite) ? new PointSchedule([.. values])
            : throw new ArgumentException("A schedule needs one or more finite numbers.", nameof(values));
    }

    /// <summary>Creates a copy of this schedule with another one where a selector matches.</summary>
    /// <param name="selector">The places of the other schedule.</param>
    /// <param name="value">The other schedule.</param>
    public Schedule Where(LayerSelector selector, Schedule value)
    {
        ArgumentNullException.ThrowIfNull(selector);
        ArgumentNullException.ThrowIfNull(value);
        return new PlaceSchedule(this, selector, value);
    }

    /// <summary>Creates a constant schedule.</summary>
    /// <exception cref="ArgumentException">The number is not finite.</exception>
    public static Schedule FromDouble(double value) => Points(value);

    /// <inheritdoc cref="FromDouble"/>
    public static implicit operator Schedule(double value) => FromDouble(value);

    /// <summary>The points over the depth; null if the schedule also depends on selectors.</summary>
    internal virtual IReadOnlyList<double>? Gradient => null;

    /// <summary>Interpolates values at depth t, from 0 to 1: <c>s = t (n - 1)</c>, linear between neighbours.</summary>
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
