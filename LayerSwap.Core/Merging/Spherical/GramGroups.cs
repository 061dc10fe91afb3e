namespace LayerSwap.Merging;

/// <summary>
/// The division of a tensor into vectors: the whole tensor, one a row (along the last axis), or one a column (along the first axis).
/// </summary>
internal readonly record struct GramGroups(long Length, bool Columns)
{
    /// <summary>Makes one vector of the whole tensor.</summary>
    public static GramGroups Whole(TensorShape shape) => new(Math.Max(shape.ElementCount, 1), Columns: false);

    /// <summary>Makes vectors along the last axis.</summary>
    public static GramGroups Rows(TensorShape shape) =>
        shape.Rank < 2 ? Whole(shape) : new(Math.Max(shape[shape.Rank - 1], 1), Columns: false);

    /// <summary>Makes vectors along the first axis: consecutive elements belong to different vectors.</summary>
    public static GramGroups AlongFirst(TensorShape shape) =>
        shape.Rank < 2 || shape[0] == 0 ? Whole(shape) : new(Math.Max(shape.ElementCount / shape[0], 1), Columns: true);

    /// <summary>
    /// Gets the vector of an element and the number of elements to the end of its row. For columns: the column of the element and the
    /// number of elements to the last column.
    /// </summary>
    public (long Group, long Stretch) At(long index) =>
        Columns ? (index % Length, Length - (index % Length)) : (index / Length, Length - (index % Length));
}
