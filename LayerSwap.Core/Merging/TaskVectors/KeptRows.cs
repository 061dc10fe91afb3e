namespace LayerSwap.Merging;

/// <summary>Remembers, a bit an element, what was kept of rows, between the pass that measures it and the merge. Tensors too large for that are decided twice.</summary>
internal sealed class KeptRows(int sources, long row)
{
    /// <summary>The most bytes held for one tensor.</summary>
    private const long Most = 32 << 20;

    private ulong[][] _bits = [];
    private bool[][] _known = [];

    /// <summary>The bits of one row, in words.</summary>
    public int Words { get; } = (int)((row + 63) / 64);

    public void Open(long elements)
    {
        long rows = (elements + row - 1) / row;
        if (rows * Words * sizeof(ulong) * sources <= Most)
        {
            _bits = [.. Enumerable.Range(0, sources).Select(_ => new ulong[rows * Words])];
            _known = [.. Enumerable.Range(0, sources).Select(_ => new bool[rows])];
        }
    }

    public void Close() => (_bits, _known) = ([], []);

    /// <summary>Where the bits of a row are kept; empty where none are.</summary>
    public Span<ulong> Of(int source, long start) => _bits.Length > 0 ? _bits[source].AsSpan((int)(start / row * Words), Words) : default;

    public bool Knows(int source, long start) => _known.Length > 0 && Volatile.Read(ref _known[source][start / row]);

    /// <summary>Whether all rows that so many elements lie in are known.</summary>
    public bool Knows(int source, long start, int length)
    {
        bool all = true;
        for (long first = start; all && first < start + length; first += row)
        {
            all = Knows(source, first);
        }

        return all;
    }

    public void Know(int source, long start)
    {
        if (_known.Length > 0)
        {
            Volatile.Write(ref _known[source][start / row], true);
        }
    }
}
