namespace LayerSwap;

/// <summary>A parameter that may differ between sources. A number or a schedule converts to one value for all sources.</summary>
public sealed class PerSource
{
    private readonly Schedule[] _values;

    private PerSource(Schedule[] values) => _values = values;

    /// <summary>Creates one value for each source, in the order in which they were added.</summary>
    /// <exception cref="ArgumentException">There is no value.</exception>
    public static PerSource Of(params IReadOnlyList<Schedule> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return values.Count > 0 ? new([.. values]) : throw new ArgumentException("At least one value is needed.", nameof(values));
    }

    /// <summary>Creates one value for all sources.</summary>
    public static PerSource FromSchedule(Schedule value) => Of(value);

    /// <summary>Creates one value for all sources.</summary>
    /// <exception cref="ArgumentException">The number is not finite.</exception>
    public static PerSource FromDouble(double value) => Of(value);

    /// <inheritdoc cref="FromSchedule"/>
    public static implicit operator PerSource(Schedule value) => FromSchedule(value);

    /// <inheritdoc cref="FromDouble"/>
    public static implicit operator PerSource(double value) => FromDouble(value);

    /// <summary>The value for all sources; null if sources have their own.</summary>
    internal Schedule? Single => _values.Length == 1 ? _values[0] : null;

    /// <summary>Gets the schedule of a source.</summary>
    internal Schedule Of(int source) => _values[_values.Length == 1 ? 0 : source];

    /// <inheritdoc/>
    public override string ToString() => string.Join(", ", (object[])_values);

    /// <summary>Gets the values for a tensor, one for each source.</summary>
    internal double[] At(TensorContext tensor, string name)
    {
        if (_values.Length != 1 && _values.Length != tensor.SourceCount)
        {
            throw new MergeException($"{name} has {_values.Length} values for {tensor.SourceCount} sources. "
                + "Remedy: give one value, or one a source.");
        }

        double[] values = new double[tensor.SourceCount];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = Of(i).At(tensor.Place);
        }

        return values;
    }
}
