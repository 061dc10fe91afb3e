using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>What sources change in a block, in doubles.</summary>
internal interface IChanges
{
    /// <summary>What a source changes in eight elements from a multiple of eight on, of which what was changed is known.</summary>
    Vector512<double> Eight(int source, int at, Vector512<double> origin);

    /// <summary>What it changes in one.</summary>
    double One(int source, int at);
}

/// <summary>Changes that lie in memory, one source after another.</summary>
/// <param name="changes">Each source's as long as the block.</param>
/// <param name="length">The length of the block.</param>
internal readonly ref struct StoredChanges(ReadOnlySpan<double> changes, int length) : IChanges
{
    private readonly ReadOnlySpan<double> _changes = changes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<double> Eight(int source, int at, Vector512<double> origin) => Vector512.LoadUnsafe(ref MemoryMarshal.GetReference(_changes), (nuint)((source * length) + at));

    public double One(int source, int at) => _changes[(source * length) + at];
}

/// <summary><c>tuned[i] - origin[i]</c> where a bit is set, 0 elsewhere.</summary>
/// <param name="origin">What was changed.</param>
/// <param name="tuned">What it became, a row for each source.</param>
/// <param name="bits">A bit an element, each source's from a word of its own on.</param>
internal readonly ref struct KeptChanges<T>(ReadOnlySpan<T> origin, Rows<T> tuned, ReadOnlySpan<ulong> bits) : IChanges
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly ReadOnlySpan<T> _origin = origin;
    private readonly Rows<T> _tuned = tuned;
    private readonly ReadOnlySpan<ulong> _bits = bits;
    private readonly int _words = Bits.Words(origin.Length);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<double> Eight(int source, int at, Vector512<double> origin)
    {
        Vector512<ulong> kept = Bits.Eight(ref Unsafe.Add(ref MemoryMarshal.GetReference(_bits), source * _words), at);
        Vector512<double> change = Wide.Eight(ref Unsafe.Add(ref _tuned.Reference, (source * _tuned.Length) + at)) - origin;
        return Vector512.ConditionalSelect(Vector512.Equals(kept, default).AsDouble(), default, change);
    }

    public double One(int source, int at) =>
        Bits.IsSet(_bits[(source * _words)..], at) ? double.CreateTruncating(_tuned[source][at]) - double.CreateTruncating(_origin[at]) : 0;
}
