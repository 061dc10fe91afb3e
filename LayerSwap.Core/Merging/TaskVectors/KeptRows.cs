using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Remembers, a bit an element, what was kept of rows, between the pass that measures it and the merge. Tensors too large for that are decided twice.</summary>
internal sealed class KeptRows(int sources, long row)
{
    /// <summary>The most bytes held for one tensor.</summary>
    private const long Most = 32 << 20;

    private readonly long _words = (row + 63) / 64;
    private ulong[][] _bits = [];
    private bool[][] _known = [];

    public void Open(long elements)
    {
        long rows = (elements + row - 1) / row;
        if (rows * _words * sizeof(ulong) * sources <= Most)
        {
            _bits = [.. Enumerable.Range(0, sources).Select(_ => new ulong[rows * _words])];
            _known = [.. Enumerable.Range(0, sources).Select(_ => new bool[rows])];
        }
    }

    public void Close() => (_bits, _known) = ([], []);

    /// <summary>Sets to zero what was dropped, where that is known.</summary>
    public bool TryApply(int source, long start, Span<double> changes)
    {
        if (_known.Length == 0 || !Volatile.Read(ref _known[source][start / row]))
        {
            return false;
        }

        MaskKernel.Apply(Bits(source, start), changes);
        return true;
    }

    public void Keep(int source, long start, ReadOnlySpan<double> changes)
    {
        if (_known.Length > 0)
        {
            MaskKernel.NonZero(changes, Bits(source, start));
            Volatile.Write(ref _known[source][start / row], true);
        }
    }

    private Span<ulong> Bits(int source, long start) => _bits[source].AsSpan((int)(start / row * _words), (int)_words);
}
