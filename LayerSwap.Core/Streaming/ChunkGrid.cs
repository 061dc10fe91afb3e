namespace LayerSwap.Streaming;

/// <summary>
/// The grid of a reduction over a part of a tensor: sections of whole units. It depends on nothing but the part and the unit.
/// </summary>
internal readonly struct ChunkGrid
{
    private readonly long _start;
    private readonly long _count;
    private readonly long _section;

    /// <param name="start">The first element.</param>
    /// <param name="count">How many elements.</param>
    /// <param name="unit">How many consecutive elements must stay together.</param>
    public ChunkGrid(long start, long count, long unit = 1)
    {
        _start = start;
        _count = count;
        _section = ChunkSizes.LengthOf(unit);
        Unit = unit;
    }

    public long Unit { get; }

    public long Count => (_count + _section - 1) / _section;

    public (long Start, long Length) this[long section] => (_start + (section * _section), Math.Min(_section, _count - (section * _section)));
}
