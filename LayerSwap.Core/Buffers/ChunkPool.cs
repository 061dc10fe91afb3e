namespace LayerSwap.Buffers;

/// <summary>
/// Arrays of one length, for what is held of a tensor for longer than a block. They stay for the next tensor: a run that left them to the collector would hold those of many. The shared pool
/// has too few of one length.
/// </summary>
internal sealed class ChunkPool
{
    /// <summary>Words in an array: few, since most lists fill a part of one only.</summary>
    public const int Words = 1 << 11;

    private readonly Stack<ulong[]> _free = new();
    private readonly Lock _gate = new();

    /// <summary>Arrays that wait to be lent.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _free.Count;
            }
        }
    }

    /// <summary>An array of <see cref="Words"/> with anything in it.</summary>
    public ulong[] Rent()
    {
        lock (_gate)
        {
            return _free.TryPop(out ulong[]? chunk) ? chunk : GC.AllocateUninitializedArray<ulong>(Words);
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
