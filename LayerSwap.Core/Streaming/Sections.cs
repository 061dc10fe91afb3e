namespace LayerSwap.Streaming;

/// <summary>
/// The fixed grid over a tensor's elements. Reductions fold it in order and checksums are taken over it, so neither depends on threads or
/// on the size of the blocks that sections are worked in.
/// </summary>
internal static class Sections
{
    /// <summary>Elements in a section; the last of a tensor may be shorter.</summary>
    public const int Length = 1 << 18;

    /// <summary>Elements read at a time, unless asked otherwise: large enough for the file system.</summary>
    public const int ReadBlock = 1 << 16;

    /// <summary>Elements computed at a time: few enough for all operands to stay in the core's own cache. Fixed, since sums depend on it.</summary>
    public const int ComputeBlock = 1952;

    /// <summary>The largest unit of elements that can be computed together.</summary>
    public const long LongestUnit = 1 << 27;

    public static long CountOf(long elements) => (elements + Length - 1) / Length;

    public static (long Start, int Count) At(long section, long elements) =>
        (section * Length, (int)Math.Min(Length, elements - (section * Length)));
}
