namespace LayerSwap.Streaming;

/// <summary>
/// The fixed lengths of chunks and blocks. Reductions and checksums process chunks in order, so results do not depend on the number of
/// workers or on the block length.
/// </summary>
internal static class ChunkSizes
{
    /// <summary>Elements in a chunk. The last chunk of a tensor can be shorter.</summary>
    public const int ChunkLength = 1 << 18;

    /// <summary>Elements merged at a time: operands, deltas and the result fit in the core's own cache.</summary>
    public const int ComputeBlock = 1952;

    /// <summary>Elements observed at a time: more than merged, because there is no output. Fixed, because sums depend on it.</summary>
    public const int ObserveBlock = 2 * ComputeBlock;

    /// <summary>The maximum number of bytes read at a time.</summary>
    private const long ReadBytes = 1 << 19;

    /// <summary>
    /// The maximum number of bytes read and written at a time. Exceeds the core's own cache: with large writes, workers that write to one
    /// file wait less often for each other.
    /// </summary>
    private const long MergeBytes = 1 << 21;

    /// <summary>The maximum row length in elements.</summary>
    public const long MaxRowLength = 1 << 27;

    /// <summary>Computes the number of elements merged at a time, in whole rows.</summary>
    public static int ComputeBlockOf(long rowLength) => RoundToRows(ComputeBlock, rowLength);

    /// <summary>Computes the number of elements observed at a time, in whole rows.</summary>
    public static int ObserveBlockOf(long rowLength) => RoundToRows(ObserveBlock, rowLength);

    /// <summary>Computes the number of elements read at a time: a chunk, or whole blocks, so that sums do not depend on it.</summary>
    /// <param name="operands">The tensors to read.</param>
    /// <param name="rowLength">The number of consecutive elements that must stay together.</param>
    /// <param name="output">The dtype to write, or null without output.</param>
    public static int ReadBlockOf(IReadOnlyList<Operand> operands, long rowLength, DType? output = null)
    {
        (long bytes, int block) = output is null ? (ReadBytes, ObserveBlockOf(rowLength)) : (MergeBytes, ComputeBlockOf(rowLength));
        int bits = output?.Bits() ?? 0;
        for (int k = 0; k < operands.Count; k++)
        {
            bits += operands[k].DType.Bits();
        }

        long elements = bytes * 8 / bits, chunk = ChunkLengthOf(rowLength);
        return (int)(elements >= chunk ? chunk : Math.Max(elements / block, 1) * block);
    }

    /// <summary>Computes the length of a chunk of whole rows.</summary>
    public static long ChunkLengthOf(long rowLength) => (ChunkLength + rowLength - 1) / rowLength * rowLength;

    /// <summary>Computes the number of chunks of a tensor.</summary>
    public static long ChunkCountOf(long elements) => (elements + ChunkLength - 1) / ChunkLength;

    /// <summary>Computes the range of a chunk of a tensor.</summary>
    public static (long Start, int Count) ChunkAt(long chunk, long elements) =>
        (chunk * ChunkLength, (int)Math.Min(ChunkLength, elements - (chunk * ChunkLength)));

    private static int RoundToRows(int elements, long rowLength) => (int)Math.Max(rowLength, elements / rowLength * rowLength);
}
