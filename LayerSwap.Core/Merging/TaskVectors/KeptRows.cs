using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Remembers, a bit an element, what was kept of rows, between the pass that measures it and the merge.</summary>
internal sealed class KeptRows
{
    /// <summary>The most bytes held for one tensor.</summary>
    private const long Most = 32 << 20;

    private readonly ulong[][] _bits;
    private readonly long _row;
    private readonly int _words;

    private KeptRows(int sources, long row, long rows)
    {
        _row = row;
        _words = Bits.Words(row);
        // Every row is decided before it is asked for.
        _bits = [.. Enumerable.Range(0, sources).Select(_ => GC.AllocateUninitializedArray<ulong>(checked((int)(rows * _words))))];
    }

    /// <summary>Room for a tensor; null for those that are too large, whose rows are decided twice.</summary>
    public static KeptRows? For(int sources, long row, long elements)
    {
        long rows = (elements + row - 1) / row;
        return rows * Bits.Words(row) * sizeof(ulong) * sources <= Most ? new KeptRows(sources, row, rows) : null;
    }

    /// <summary>The bits of a row, in words.</summary>
    public Span<ulong> Of(int source, long start) => _bits[source].AsSpan((int)(start / _row * _words), _words);
}
