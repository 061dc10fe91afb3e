namespace LayerSwap.Streaming;

/// <summary>
/// The grid of a reduction over a part of a tensor: sections, and blocks of reading and of computing within them, all whole numbers of units. It depends on nothing but the
/// part and the unit.
/// </summary>
internal readonly struct SectionGrid
{
    private readonly long _start;
    private readonly long _count;
    private readonly long _section;

    /// <param name="start">The first element.</param>
    /// <param name="count">How many elements.</param>
    /// <param name="unit">How many consecutive elements must stay together.</param>
    public SectionGrid(long start, long count, long unit = 1)
    {
        _start = start;
        _count = count;
        _section = RoundUp(Sections.Length, unit);
        ReadBlock = (int)RoundUp(Sections.ReadBlock, unit);
        ComputeBlock = (int)Math.Max(unit, Sections.ComputeBlock / unit * unit);
    }

    public long Count => (_count + _section - 1) / _section;

    public int ReadBlock { get; }

    public int ComputeBlock { get; }

    public (long Start, long Length) this[long section] => (_start + (section * _section), Math.Min(_section, _count - (section * _section)));

    private static long RoundUp(long value, long unit) => (value + unit - 1) / unit * unit;
}
