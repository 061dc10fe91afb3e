using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>
/// Remembers, a bit an element, what was kept of a tensor's first rows, as many as there is room for, between the pass that measures it and the merge. It is forgotten when its run has left,
/// and the arrays go back when the last reader has: runs of one plan may meet, and read what another has measured.
/// </summary>
internal sealed class KeptRows
{
    /// <summary>The most bytes held for one tensor. What is decided twice takes two thirds longer; what is held takes memory that nothing else needs.</summary>
    private const long Most = 2 << 20;

    private readonly ChunkPool _pool;

    /// <summary>Source by source, each with as many whole rows as fit in an array.</summary>
    private readonly ulong[][] _chunks;
    private readonly long _row, _rows;
    private readonly int _words, _rowsAChunk, _chunksASource;

    /// <summary>Those who have entered and not left; the run that measures is the first.</summary>
    private int _inside = 1;

    public KeptRows(ChunkPool pool, int sources, long row, long elements, long most = Most)
    {
        _pool = pool;
        _row = row;
        _words = Bits.Words(row);
        _rowsAChunk = ChunkPool.Words / _words;
        // None of rows that are longer than an array.
        _chunksASource = _rowsAChunk == 0 ? 0 : (int)Math.Min(most / (ChunkPool.Words * sizeof(ulong) * sources), (((elements + row - 1) / row) + _rowsAChunk - 1) / _rowsAChunk);
        _rows = (long)_chunksASource * _rowsAChunk;
        _chunks = [.. Enumerable.Range(0, sources * _chunksASource).Select(_ => pool.Rent())];
    }

    /// <summary>Whether a row is among those that are remembered.</summary>
    public bool Has(long start) => start / _row < _rows;

    /// <summary>The bits of a row that is remembered, in words.</summary>
    public Span<ulong> Of(int source, long start)
    {
        (long chunk, long row) = Math.DivRem(start / _row, _rowsAChunk);
        return _chunks[(source * _chunksASource) + chunk].AsSpan((int)row * _words, _words);
    }

    /// <summary>Whether the rows are still remembered, and stay so until <see cref="Leave"/>.</summary>
    public bool TryEnter()
    {
        for (int inside = Volatile.Read(ref _inside); inside > 0;)
        {
            int before = Interlocked.CompareExchange(ref _inside, inside + 1, inside);
            if (before == inside)
            {
                return true;
            }

            inside = before;
        }

        return false;
    }

    public void Leave()
    {
        if (Interlocked.Decrement(ref _inside) == 0)
        {
            Array.ForEach(_chunks, _pool.Return);
        }
    }
}
