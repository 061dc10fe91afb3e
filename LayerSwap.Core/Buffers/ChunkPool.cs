namespace LayerSwap.Buffers;

/// <summary>
/// A pool of arrays of one length, for data that outlives a block. Tensors reuse the arrays: left to the garbage collector, those of many
/// tensors would be alive at once. The shared array pool keeps too few arrays of one length.
/// </summary>
internal sealed class ChunkPool
{
    /// <summary>64-bit words in an array. Few, because most lists fill only a part of one array.</summary>
    public const int ChunkWords = 1 << 11;

    private readonly Stack<ulong[]> _free = new();
    private readonly Lock _gate = new();

    /// <summary>The number of arrays in the pool.</summary>
    public int FreeCount
    {
        get
        {
            lock (_gate)
            {
                return _free.Count;
            }
        }
    }

    /// <summary>Rents an array of <see cref="ChunkWords"/> words with undefined content.</summary>
    public ulong[] Rent()
    {
        lock (_gate)
        {
            return _free.TryPop(out ulong[]? chunk) ? chunk : GC.AllocateUninitializedArray<ulong>(ChunkWords);
        }
    }

    public void Return(ulong[] chunk)
    {
        lock (_gate)
        {
            _free.Push(chunk);
        }
    }
}
