using System.Runtime.InteropServices;

namespace LayerSwap.Numerics;

/// <summary>Room for ranking the rows of a block, one after another. Lists and tables for elements have whole vectors.</summary>
internal readonly ref struct RankRoom : IDisposable
{
    /// <summary>Bytes for each element of a row, of all that is rented here and of differences that no single holds.</summary>
    public const int BytesAnElement = (5 * sizeof(int)) + (2 * sizeof(byte)) + (2 * sizeof(ulong)) + 1;

    private const int CodeTables = 3;

    // Few arrays, since each is dear; one of all would be too long for the longest rows.
    private readonly Rented<int> _lists, _chains;
    private readonly Rented<ulong> _words;
    private readonly Rented<byte> _bytes;
    private readonly int _length;

    /// <param name="length">The longest row.</param>
    public RankRoom(int length)
    {
        _length = RankKernel.Padded(length);
        _lists = new Rented<int>(3 * _length);
        _chains = new Rented<int>((2 * _length) + (CodeTables * CodeScale.Codes) + (_length / 64));
        _words = new Rented<ulong>(_length + (3 * _length / 64));
        _bytes = new Rented<byte>((2 * _length) + CacheLine.Bytes + (2 * CodeScale.Codes));
    }

    /// <summary>Keys that are singles.</summary>
    public Span<int> Keys => _lists.Span[.._length];

    /// <summary>What no code decides.</summary>
    public Span<int> Open => _lists.Span.Slice(_length, _length);

    /// <summary>Chains through it.</summary>
    public Span<int> Next => _chains.Span[.._length];

    /// <summary>Those of a chain whose keys are more than their code.</summary>
    public Span<int> Others => _chains.Span.Slice(_length, _length);

    /// <summary>All in the row of whom that holds.</summary>
    public Span<int> Members => _lists.Span[(2 * _length)..];

    /// <summary>How many of a code come after each word.</summary>
    public Span<int> After => _chains.Span[((2 * _length) + (CodeTables * CodeScale.Codes))..];

    /// <summary>How many have each code.</summary>
    public Span<int> Counts => Table(0);

    /// <summary>The lowest rank of each code.</summary>
    public Span<int> Ranks => Table(1);

    /// <summary>Where the chain of each code begins.</summary>
    public Span<int> Heads => Table(2);

    /// <summary>What is kept, a bit an element.</summary>
    public Span<ulong> Bits => Words(0);

    /// <summary>Which keys are more than their code.</summary>
    public Span<ulong> More => Words(1);

    /// <summary>Which are no more than one code.</summary>
    public Span<ulong> Equal => Words(2);

    public Span<byte> Codes => _bytes.Span.Slice(2 * CodeScale.Codes, _length);

    /// <summary>The first bytes of random numbers, a vector more than elements.</summary>
    public Span<byte> Numbers => _bytes.Span[((2 * CodeScale.Codes) + _length)..];

    /// <summary>For each code, what number is kept for sure.</summary>
    public Span<byte> Below => _bytes.Span[..CodeScale.Codes];

    /// <summary>For each code, what number is not.</summary>
    public Span<byte> Above => _bytes.Span.Slice(CodeScale.Codes, CodeScale.Codes);

    /// <summary>The keys of <see cref="Members"/>.</summary>
    public Span<TKey> MemberKeys<TKey>()
        where TKey : unmanaged => MemoryMarshal.Cast<ulong, TKey>(_words.Span[(3 * _length / 64)..]);

    public void Dispose()
    {
        _lists.Dispose();
        _chains.Dispose();
        _words.Dispose();
        _bytes.Dispose();
    }

    private Span<int> Table(int index) => _chains.Span.Slice((2 * _length) + (index * CodeScale.Codes), CodeScale.Codes);

    private Span<ulong> Words(int index) => _words.Span.Slice(index * _length / 64, _length / 64);
}
