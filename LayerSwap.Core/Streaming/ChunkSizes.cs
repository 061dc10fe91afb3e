namespace LayerSwap.Streaming;

/// <summary>
/// The fixed grid over a tensor's elements. Reductions fold it in order and checksums are taken over it, so neither depends on threads or
/// on the size of the blocks that sections are worked in.
/// </summary>
internal static class ChunkSizes
{
    /// <summary>Elements in a section; the last of a tensor may be shorter.</summary>
    public const int Length = 1 << 18;

    /// <summary>Elements merged at a time: few enough for all operands, their changes and the result to stay in the core's own cache.</summary>
    public const int ComputeBlock = 1952;

    /// <summary>Elements observed at a time: more, since nothing comes of them but sums, and every block has its price. Fixed, since sums depend on it.</summary>
    public const int ObserveBlock = 2 * ComputeBlock;

    /// <summary>Bytes read at a time, at most.</summary>
    private const long ReadBytes = 1 << 19;

    /// <summary>Bytes read and written at a time, at most: more than stays in the core's own cache, since workers wait for each other where they write to one file, and seldom where they write much at once.</summary>
    private const long MergeBytes = 1 << 21;

    /// <summary>The largest unit of elements that can be computed together.</summary>
    public const long LongestUnit = 1 << 27;

    /// <summary>Elements merged at a time, in whole units.</summary>
    public static int ComputeBlockOf(long unit) => WholeUnits(ComputeBlock, unit);

    /// <summary>Elements observed at a time, in whole units.</summary>
    public static int ObserveBlockOf(long unit) => WholeUnits(ObserveBlock, unit);

    /// <summary>Elements read at a time: whole blocks of those that are worked at once, so that sums do not depend on it, or a section.</summary>
    /// <param name="operands">What is read.</param>
    /// <param name="unit">How many consecutive elements must stay together.</param>
    /// <param name="output">What is written of them, if anything.</param>
    public static int ReadBlock(IReadOnlyList<Operand> operands, long unit, DType? output = null)
    {
        (long bytes, int step) = output is null ? (ReadBytes, ObserveBlockOf(unit)) : (MergeBytes, ComputeBlockOf(unit));
        int bits = output?.Bits() ?? 0;
        for (int k = 0; k < operands.Count; k++)
        {
            bits += operands[k].DType.Bits();
        }

        long elements = bytes * 8 / bits, section = LengthOf(unit);
        return (int)(elements >= section ? section : Math.Max(elements / step, 1) * step);
    }

    /// <summary>The length of a section of whole units.</summary>
    public static long LengthOf(long unit) => (Length + unit - 1) / unit * unit;

    public static long CountOf(long elements) => (elements + Length - 1) / Length;

    private static int WholeUnits(int elements, long unit) => (int)Math.Max(unit, elements / unit * unit);

    public static (long Start, int Count) At(long section, long elements) =>
        (section * Length, (int)Math.Min(Length, elements - (section * Length)));
}
