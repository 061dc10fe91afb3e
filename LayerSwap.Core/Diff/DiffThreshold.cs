using System.Globalization;

namespace LayerSwap;

/// <summary>The mean absolute delta above which a row or column counts: one number for all, or a quantile by component.</summary>
public sealed record DiffThreshold
{
    private readonly double _value;
    private readonly bool _isQuantile;

    private DiffThreshold(double value, bool isQuantile) => (_value, _isQuantile) = (value, isQuantile);

    /// <summary>Creates a threshold from a mean absolute delta in the weights' unit.</summary>
    /// <param name="change">The mean absolute delta, 0 or more.</param>
    public static DiffThreshold Absolute(double change) => double.IsFinite(change) && change >= 0
        ? new(change, isQuantile: false)
        : throw new ArgumentOutOfRangeException(nameof(change), change, "A mean absolute change of 0 or more is expected.");

    /// <summary>
    /// Creates a threshold from a quantile of the mean absolute deltas of all rows (or all columns) of one component of one model,
    /// over all layers. Values between ranks are interpolated linearly.
    /// </summary>
    /// <param name="q">The quantile, from 0 to 1; above 0.9 is the tenth with the largest deltas.</param>
    public static DiffThreshold Quantile(double q) => q is >= 0 and <= 1
        ? new(q, isQuantile: true)
        : throw new ArgumentOutOfRangeException(nameof(q), q, "A quantile from 0 to 1 is expected.");

    /// <summary>Formats the number, or the quantile.</summary>
    public override string ToString() => _isQuantile
        ? string.Create(CultureInfo.InvariantCulture, $"quantile {_value}")
        : _value.ToString(CultureInfo.InvariantCulture);

    /// <summary>Computes the threshold of the pooled profiles; NaN for the quantile of nothing.</summary>
    internal double Resolve(IEnumerable<IReadOnlyList<double>> profiles)
    {
        if (!_isQuantile)
        {
            return _value;
        }

        double[] all = [.. profiles.SelectMany(p => p)];
        if (all.Length == 0)
        {
            return double.NaN;
        }

        Array.Sort(all);
        double rank = _value * (all.Length - 1);
        int below = (int)rank, above = Math.Min(below + 1, all.Length - 1);
        return all[below] == all[above] || below == rank ? all[below] : all[below] + ((rank - below) * (all[above] - all[below]));
    }
}

/// <summary>The shares of a weight's rows and columns with deltas above a threshold.</summary>
public sealed record ThresholdShare
{
    /// <summary>The model.</summary>
    public required string Model { get; init; }

    /// <summary>The tensor.</summary>
    public required string Name { get; init; }

    /// <summary>The layer's number, or null outside the layers.</summary>
    public int? Layer { get; init; }

    /// <summary>The component.</summary>
    public required string Component { get; init; }

    /// <summary>The threshold of rows.</summary>
    public required double RowThreshold { get; init; }

    /// <summary>The share of rows with row_mav above it, from 0 to 1.</summary>
    public required double Rows { get; init; }

    /// <summary>The threshold of columns.</summary>
    public required double ColumnThreshold { get; init; }

    /// <summary>The share of columns with col_mav above it, from 0 to 1.</summary>
    public required double Columns { get; init; }
}
