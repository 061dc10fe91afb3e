using LayerSwap.Streaming;
namespace LayerSwap.Merging;

/// <summary>How a tensor falls into vectors: one whole, one a row (along the last axis), or one a column (along the first axis).</summary>
internal readonly record struct GramGroups(long Length, bool Columns)
{
    /// <summary>The whole tensor is one vector.</summary>
    public static GramGroups Whole(TensorShape shape) => new(Math.Max(shape.ElementCount, 1), Columns: false);

    /// <summary>Vectors along the last axis.</summary>
    public static GramGroups Rows(TensorShape shape) =>
        shape.Rank < 2 ? Whole(shape) : new(Math.Max(shape[shape.Rank - 1], 1), Columns: false);

    /// <summary>Vectors along the first axis: consecutive elements belong to as many different vectors.</summary>
    public static GramGroups AlongFirst(TensorShape shape) =>
        shape.Rank < 2 || shape[0] == 0 ? Whole(shape) : new(Math.Max(shape.ElementCount / shape[0], 1), Columns: true);

    /// <summary>
    /// The stretch of elements from an index on that lies in one row, and the row; for columns the stretch to the end of the period, and
    /// the first column.
    /// </summary>
    public (long Group, long Stretch) At(long index) =>
        Columns ? (index % Length, Length - (index % Length)) : (index / Length, Length - (index % Length));
}
