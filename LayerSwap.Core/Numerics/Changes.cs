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

/// <summary><c>tuned[i] - origin[i]</c> where a bit is set, 0 elsewhere.</summary>
/// <param name="origin">What was changed.</param>
/// <param name="tuned">What it became, a row for each source.</param>
/// <param name="bits">A bit an element, each source's from a word of its own on; or the same for all sources.</param>
internal readonly ref struct KeptChanges<T>(ReadOnlySpan<T> origin, Rows<T> tuned, ReadOnlySpan<ulong> bits) : IChanges
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly ReadOnlySpan<T> _origin = origin;
    private readonly Rows<T> _tuned = tuned;
    private readonly ReadOnlySpan<ulong> _bits = bits;
    private readonly int _words = bits.Length == Bits.Words(origin.Length) ? 0 : Bits.Words(origin.Length);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<double> Eight(int source, int at, Vector512<double> origin)
    {
        Vector512<ulong> kept = Bits.Eight(ref Unsafe.Add(ref MemoryMarshal.GetReference(_bits), source * _words), at);
        Vector512<double> change = Wide.Eight(ref Unsafe.Add(ref _tuned.Reference, (source * _tuned.Length) + at)) - origin;
        return Vector512.ConditionalSelect((~Vector512.Equals(kept, default)).AsDouble(), change, default);
    }

    public double One(int source, int at) =>
        Bits.IsSet(_bits[(source * _words)..], at) ? double.CreateTruncating(_tuned[source][at]) - double.CreateTruncating(_origin[at]) : 0;
}
