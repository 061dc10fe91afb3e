using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>What sources change in a block, in doubles.</summary>
internal interface IChanges
{
    /// <summary>Whether <see cref="Became"/> tells what elements became: where they are BF16 as it lies.</summary>
    static abstract bool AreOfBFloat16 { get; }

    /// <summary>What a source made of thirty-two elements from a multiple of thirty-two on: the same where nothing is kept.</summary>
    Vector512<ushort> Became(int source, int at);

    /// <summary>What a source changes in sixteen elements from a multiple of sixteen on, of which what was changed is known; both in halves, see <see cref="Wide.Sixteen{T}"/>.</summary>
    (Vector512<double> Lower, Vector512<double> Upper) Sixteen(int source, int at, Vector512<double> lower, Vector512<double> upper);

    /// <summary>What it changes in one.</summary>
    double One(int source, int at);
}

/// <summary><c>tuned[i] - origin[i]</c> where a bit is set, 0 elsewhere.</summary>
/// <param name="origin">What was changed; finite where it is BF16.</param>
/// <param name="tuned">What it became, a row for each source.</param>
/// <param name="bits">A bit an element, each source's from a word of its own on; or the same for all sources.</param>
internal readonly ref struct KeptChanges<T>(ReadOnlySpan<T> origin, Rows<T> tuned, ReadOnlySpan<ulong> bits) : IChanges
    where T : unmanaged
{
    private readonly ReadOnlySpan<T> _origin = origin;
    private readonly Rows<T> _tuned = tuned;
    private readonly ReadOnlySpan<ulong> _bits = bits;
    private readonly int _words = bits.Length == Bits.Words(origin.Length) ? 0 : Bits.Words(origin.Length);

    public static bool AreOfBFloat16 => typeof(T) == typeof(BFloat16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<ushort> Became(int source, int at)
    {
        Vector512<ushort> kept = Bits.ThirtyTwo(ref Unsafe.Add(ref MemoryMarshal.GetReference(_bits), source * _words), at);
        ref ushort from = ref Unsafe.As<T, ushort>(ref MemoryMarshal.GetReference(_origin)), to = ref Unsafe.As<T, ushort>(ref _tuned.Reference);
        return Vector512.ConditionalSelect(~Vector512.Equals(kept, default), Vector512.LoadUnsafe(ref to, (nuint)((source * _tuned.Stride) + at)), Vector512.LoadUnsafe(ref from, (nuint)at));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (Vector512<double> Lower, Vector512<double> Upper) Sixteen(int source, int at, Vector512<double> lower, Vector512<double> upper)
    {
        ref ulong kept = ref Unsafe.Add(ref MemoryMarshal.GetReference(_bits), source * _words);
        ref T to = ref Unsafe.Add(ref _tuned.Reference, (source * _tuned.Stride) + at);
        if (typeof(T) == typeof(BFloat16))
        {
            // What is not kept becomes what it was, sixteen at once.
            ref ushort from = ref Unsafe.As<T, ushort>(ref Unsafe.Add(ref MemoryMarshal.GetReference(_origin), at));
            Vector256<ushort> became = Vector256.ConditionalSelect(
                ~Vector256.Equals(Bits.Sixteen(ref kept, at), default), Vector256.LoadUnsafe(ref Unsafe.As<T, ushort>(ref to)), Vector256.LoadUnsafe(ref from));
            (Vector512<double> even, Vector512<double> odd) = Wide.Sixteen(became.AsUInt32());
            return (even - lower, odd - upper);
        }

        (Vector512<double> y, Vector512<double> z) = Wide.Sixteen(ref to, 0);
        (Vector512<ulong> ofY, Vector512<ulong> ofZ) = Bits.SixteenWide<T>(ref kept, at);
        return (Vector512.ConditionalSelect((~Vector512.Equals(ofY, default)).AsDouble(), y - lower, default), Vector512.ConditionalSelect((~Vector512.Equals(ofZ, default)).AsDouble(), z - upper, default));
    }

    public double One(int source, int at) =>
        Bits.IsSet(_bits[(source * _words)..], at) ? Wide.One(_tuned[source][at]) - Wide.One(_origin[at]) : 0;
}
