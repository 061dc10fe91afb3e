namespace LayerSwap.Streaming;

/// <summary>Splits a range of a tensor into chunks of whole rows. The chunks depend only on the range and the row length.</summary>
internal readonly struct ChunkGrid
{
    private readonly long _start;
    private readonly long _count;
    private readonly long _chunkLength;

    /// <param name="start">The first element.</param>
    /// <param name="count">The number of elements.</param>
    /// <param name="rowLength">The number of consecutive elements that must stay together.</param>
    public ChunkGrid(long start, long count, long rowLength = 1)
    {
        _start = start;
        _count = count;
        _chunkLength = ChunkSizes.ChunkLengthOf(rowLength);
        RowLength = rowLength;
    }

    /// <summary>The row length in elements.</summary>
    public long RowLength { get; }

    /// <summary>The number of chunks.</summary>
    public long Count => (_count + _chunkLength - 1) / _chunkLength;

    public (long Start, long Length) this[long chunk] =>
        (_start + (chunk * _chunkLength), Math.Min(_chunkLength, _count - (chunk * _chunkLength)));
}
