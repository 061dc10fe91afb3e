using System.Collections.Immutable;
using System.Globalization;

namespace LayerSwap;

/// <summary>The extents of a tensor, outermost first. A scalar has rank 0 and one element.</summary>
public readonly struct TensorShape : IEquatable<TensorShape>
{
    private readonly ImmutableArray<long> _extents;

    /// <summary>Creates a shape.</summary>
    /// <param name="extents">The extents, outermost first, each zero or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">An extent is negative.</exception>
    /// <exception cref="OverflowException">The number of elements does not fit 64 bits.</exception>
    public TensorShape(params ReadOnlySpan<long> extents)
    {
        long count = 1;
        foreach (long extent in extents)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(extent, nameof(extents));
            count = checked(count * extent);
        }

        _extents = [.. extents];
    }

    /// <summary>The extents, outermost first.</summary>
    public ImmutableArray<long> Extents => _extents.IsDefault ? [] : _extents;

    /// <summary>The number of axes.</summary>
    public int Rank => Extents.Length;

    /// <summary>The extent along one axis.</summary>
    /// <param name="axis">From 0 to <see cref="Rank"/> - 1, outermost first.</param>
    public long this[int axis] => Extents[axis];

    /// <summary>The product of the extents; 1 for a scalar.</summary>
    public long ElementCount
    {
        get
        {
            long count = 1;
            foreach (long extent in Extents)
            {
                count *= extent;
            }

            return count;
        }
    }

    /// <summary>Creates the same shape with another first extent.</summary>
    /// <param name="rows">The new outermost extent, zero or more.</param>
    /// <exception cref="InvalidOperationException">The shape is a scalar.</exception>
    public TensorShape WithRows(long rows) =>
        Rank == 0 ? throw new InvalidOperationException("A scalar has no rows.") : new([rows, .. Extents.AsSpan()[1..]]);

    /// <inheritdoc/>
    public bool Equals(TensorShape other) => Extents.AsSpan().SequenceEqual(other.Extents.AsSpan());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is TensorShape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        foreach (long extent in Extents)
        {
            hash.Add(extent);
        }

        return hash.ToHashCode();
    }

    /// <summary>Formats the extents as <c>[4, 8]</c>.</summary>
    public override string ToString() => "[" + string.Join(", ", Extents.Select(x => x.ToString(CultureInfo.InvariantCulture))) + "]";

    /// <summary>Whether two shapes have the same extents.</summary>
    public static bool operator ==(TensorShape left, TensorShape right) => left.Equals(right);

    /// <summary>Whether two shapes differ.</summary>
    public static bool operator !=(TensorShape left, TensorShape right) => !left.Equals(right);
}
