using System.Runtime.InteropServices;

namespace LayerSwap.Numerics;

/// <summary>Room for ranking the rows of a block, one after another. Lists and tables for elements have whole vectors.</summary>
internal readonly ref struct RankRoom : IDisposable
{
    private const int IntLists = 5, CodeTables = 3;

    private readonly Rented<int> _ints;
    private readonly Rented<ulong> _words;
    private readonly Rented<byte> _bytes;
    private readonly int _length;

    /// <param name="length">The longest row.</param>
    public RankRoom(int length)
    {
        _length = RankKernel.Padded(length);
        _ints = new Rented<int>((IntLists * _length) + (_length / 64) + (CodeTables * CodeScale.Codes));
        _words = new Rented<ulong>(_length + (3 * _length / 64));
        _bytes = new Rented<byte>((2 * _length) + CacheLine.Bytes + (2 * CodeScale.Codes));
    }

    /// <summary>Keys that are singles.</summary>
    public Span<int> Keys => List(0);

    /// <summary>What no code decides.</summary>
    public Span<int> Open => List(1);

    /// <summary>Chains through it.</summary>
    public Span<int> Next => List(2);

    /// <summary>Those of a chain whose keys are more than their code.</summary>
    public Span<int> Others => List(3);

    /// <summary>All in the row of whom that holds.</summary>
    public Span<int> Members => List(4);

    /// <summary>How many of a code come after each word.</summary>
    public Span<int> After => _ints.Span.Slice(IntLists * _length, _length / 64);

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
        _ints.Dispose();
        _words.Dispose();
        _bytes.Dispose();
    }

    private Span<int> List(int index) => _ints.Span.Slice(index * _length, _length);

    private Span<int> Table(int index) => _ints.Span.Slice((IntLists * _length) + (_length / 64) + (index * CodeScale.Codes), CodeScale.Codes);

    private Span<ulong> Words(int index) => _words.Span.Slice(index * _length / 64, _length / 64);
}
