using System.Globalization;
using LayerSwap.Streaming;

namespace LayerSwap;

/// <summary>From what change on a row or column counts as changed much: one number for all, or a quantile of its kind.</summary>
public sealed record DiffThreshold
{
    private readonly double _value;
    private readonly bool _isQuantile;

    private DiffThreshold(double value, bool isQuantile) => (_value, _isQuantile) = (value, isQuantile);

    /// <summary>A mean absolute change, in the weights' own unit.</summary>
    /// <param name="change">0 or more.</param>
    public static DiffThreshold Absolute(double change) => double.IsFinite(change) && change >= 0 ? new(change, isQuantile: false)
        : throw new ArgumentOutOfRangeException(nameof(change), change, "A mean absolute change of 0 or more is expected.");

    /// <summary>A quantile of the changes of all rows (or of all columns) of one model's weights of one component, over all layers: linear between the two nearest ranks.</summary>
    /// <param name="q">From 0 to 1; 0.9 leaves the tenth that changed most.</param>
    public static DiffThreshold Quantile(double q) => q is >= 0 and <= 1 ? new(q, isQuantile: true)
        : throw new ArgumentOutOfRangeException(nameof(q), q, "A quantile from 0 to 1 is expected.");

    /// <summary>The number, or the quantile.</summary>
    public override string ToString() => _isQuantile ? string.Create(CultureInfo.InvariantCulture, $"quantile {_value}") : _value.ToString(CultureInfo.InvariantCulture);

    /// <summary>The threshold that holds for these, pooled.</summary>
    internal double Over(IEnumerable<IReadOnlyList<double>> profiles)
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
        double place = _value * (all.Length - 1);
        int below = (int)place, above = Math.Min(below + 1, all.Length - 1);
        return all[below] == all[above] || below == place ? all[below] : all[below] + ((place - below) * (all[above] - all[below]));
    }
}

/// <summary>How many rows and columns of a weight changed more than a threshold.</summary>
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

    /// <summary>The threshold that held for rows.</summary>
    public required double RowThreshold { get; init; }

    /// <summary>The share of rows with row_mav above it, from 0 to 1.</summary>
    public required double Rows { get; init; }

    /// <summary>The threshold that held for columns.</summary>
    public required double ColumnThreshold { get; init; }

    /// <summary>The share of columns with col_mav above it, from 0 to 1.</summary>
    public required double Columns { get; init; }
}
