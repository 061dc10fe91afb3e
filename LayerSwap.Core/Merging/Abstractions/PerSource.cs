namespace LayerSwap;

/// <summary>A parameter that may differ from source to source. A number or a schedule converts to the one that all sources share.</summary>
public sealed class PerSource
{
    private readonly Schedule[] _values;

    private PerSource(Schedule[] values) => _values = values;

    /// <summary>One value for each source, in the order they were added.</summary>
    /// <exception cref="ArgumentException">No value.</exception>
    public static PerSource Of(params IReadOnlyList<Schedule> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return values.Count > 0 ? new([.. values]) : throw new ArgumentException("At least one value is needed.", nameof(values));
    }

    /// <summary>One value for all sources.</summary>
    public static PerSource FromSchedule(Schedule value) => Of(value);

    /// <summary>One value for all sources.</summary>
    public static PerSource FromDouble(double value) => Of(value);

    /// <inheritdoc cref="FromSchedule"/>
    public static implicit operator PerSource(Schedule value) => FromSchedule(value);

    /// <inheritdoc cref="FromDouble"/>
    public static implicit operator PerSource(double value) => FromDouble(value);

    /// <summary>The value, where there is one for all.</summary>
    internal Schedule? Single => _values.Length == 1 ? _values[0] : null;

    /// <summary>The schedule of one source.</summary>
    internal Schedule Of(int source) => _values[_values.Length == 1 ? 0 : source];

    /// <inheritdoc/>
    public override string ToString() => string.Join(", ", (object[])_values);

    /// <summary>The values for a tensor, one a source.</summary>
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
