using System.Runtime.InteropServices;

namespace LayerSwap.Numerics;

/// <summary>Room for ranking the rows of a block, one after another. Lists and tables for elements have whole vectors.</summary>
internal readonly ref struct RankRoom : IDisposable
{
    /// <summary>Bytes for each element of a row, of all that is rented here and of differences that no single holds.</summary>
    public const int BytesAnElement = (3 * sizeof(int)) + (2 * sizeof(byte)) + (2 * sizeof(ulong)) + 1;

    // Few arrays, since each is dear; one of all would be too long for the longest rows.
    private readonly Rented<int> _lists;
    private readonly Rented<ulong> _words;
    private readonly Rented<byte> _bytes;
    private readonly int _length;

    /// <param name="length">The longest row.</param>
    public RankRoom(int length)
    {
        _length = RankKernel.Padded(length);
        _lists = new Rented<int>((3 * _length) + (2 * CodeScale.Codes));
        _words = new Rented<ulong>(_length + (_length / 64));
        _bytes = new Rented<byte>((2 * _length) + CacheLine.Bytes + (2 * CodeScale.Codes));
    }

    /// <summary>Keys that are singles.</summary>
    public Span<int> Keys => List(0);

    /// <summary>What no code decides.</summary>
    public Span<int> Open => List(1);

    /// <summary>All in the row that have a code.</summary>
    public Span<int> Members => List(2);

    /// <summary>How many have each code.</summary>
    public Span<int> Counts => _lists.Span.Slice(3 * _length, CodeScale.Codes);

    /// <summary>The lowest rank of each code.</summary>
    public Span<int> Ranks => _lists.Span[((3 * _length) + CodeScale.Codes)..];

    /// <summary>What is kept, a bit an element.</summary>
    public Span<ulong> Bits => _words.Span.Slice(_length, _length / 64);

    public Span<byte> Codes => _bytes.Span.Slice(2 * CodeScale.Codes, _length);

    /// <summary>The first bytes of random numbers, a vector more than elements.</summary>
    public Span<byte> Numbers => _bytes.Span[((2 * CodeScale.Codes) + _length)..];

    /// <summary>For each code, what number is kept for sure.</summary>
    public Span<byte> Below => _bytes.Span[..CodeScale.Codes];

    /// <summary>For each code, what number is not.</summary>
    public Span<byte> Above => _bytes.Span.Slice(CodeScale.Codes, CodeScale.Codes);

    /// <summary>The keys of <see cref="Members"/>.</summary>
    public Span<TKey> MemberKeys<TKey>()
        where TKey : unmanaged => MemoryMarshal.Cast<ulong, TKey>(_words.Span[.._length]);

    public void Dispose()
    {
        _lists.Dispose();
        _words.Dispose();
        _bytes.Dispose();
    }

    private Span<int> List(int index) => _lists.Span.Slice(index * _length, _length);
}
