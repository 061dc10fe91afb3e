using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>The masked deltas of a block: <c>source[s][i] - base[i]</c> if bit i of mask s is set, otherwise 0.</summary>
internal readonly ref struct MaskedDeltas<T>
    where T : unmanaged
{
    private readonly OperandBlock<T> _block;
    private readonly ReadOnlySpan<ulong> _masks;

    /// <summary>The number of words of a mask; 0 if all sources share one mask.</summary>
    private readonly int _words;

    /// <summary>Applies masks to the deltas of a block.</summary>
    /// <param name="block">The operands; BF16 operands must be finite.</param>
    /// <param name="masks">(sources, words), or one mask for all sources.</param>
    public MaskedDeltas(OperandBlock<T> block, ReadOnlySpan<ulong> masks)
    {
        _block = block;
        _masks = masks;
        _words = masks.Length == BitMask.WordCount(block.Length) ? 0 : BitMask.WordCount(block.Length);
    }

    public ReadOnlySpan<T> Base => _block.Base;

    public int SourceCount => _block.SourceCount;

    /// <summary>
    /// Loads the deltas of sixteen elements as float64, in the halves of <see cref="VectorWidening.Load16{T}(ref T, int)"/>.
    /// </summary>
    /// <param name="source">The source.</param>
    /// <param name="at">The first element, a multiple of sixteen.</param>
    /// <param name="lower">The lower half of the base's elements.</param>
    /// <param name="upper">The upper half of the base's elements.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (Vector512<double> Lower, Vector512<double> Upper) Load16(int source, int at, Vector512<double> lower, Vector512<double> upper)
    {
        ref ulong mask = ref Unsafe.Add(ref MemoryMarshal.GetReference(_masks), source * _words);
        ref T from = ref Unsafe.Add(ref _block.FirstSource, (source * _block.Stride) + at);
        if (typeof(T) == typeof(BFloat16))
        {
            // Masked elements are replaced by the base's while they are 16 bits wide.
            ref ushort start = ref Unsafe.As<T, ushort>(ref Unsafe.Add(ref MemoryMarshal.GetReference(_block.Base), at));
            Vector256<ushort> kept = Vector256.ConditionalSelect(
                Vector256.Equals(BitMask.Lanes16(ref mask, at), default),
                Vector256.LoadUnsafe(ref start),
                Vector256.LoadUnsafe(ref Unsafe.As<T, ushort>(ref from)));
            (Vector512<double> even, Vector512<double> odd) = VectorWidening.Load16(kept.AsUInt32());
            return (even - lower, odd - upper);
        }

        (Vector512<double> p, Vector512<double> q) = VectorWidening.Load16(ref from, 0);
        (Vector512<ulong> maskP, Vector512<ulong> maskQ) = BitMask.Lanes16<T>(ref mask, at);
        return (
            Vector512.AndNot(p - lower, Vector512.Equals(maskP, default).AsDouble()),
            Vector512.AndNot(q - upper, Vector512.Equals(maskQ, default).AsDouble()));
    }

    /// <summary>Loads the delta of one element: the scalar definition.</summary>
    public double Load1(int source, int at) =>
        BitMask.IsSet(_masks[(source * _words)..], at)
            ? VectorWidening.Load1(_block[source][at]) - VectorWidening.Load1(_block.Base[at])
            : 0;

    /// <summary>Computes the sum of the squares of a source's masked deltas.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public double SumOfSquares(int source)
    {
        ref T start = ref MemoryMarshal.GetReference(_block.Base);
        Vector512<double> lower = default, upper = default;
        int i = 0;
        for (; i <= _block.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            (Vector512<double> x, Vector512<double> y) = VectorWidening.Load16(ref start, i);
            (Vector512<double> p, Vector512<double> q) = Load16(source, i, x, y);
            lower += p * p;
            upper += q * q;
        }

        double sum = Vector512.Sum(lower + upper);
        for (; i < _block.Length; i++)
        {
            double delta = Load1(source, i);
            sum += delta * delta;
        }

        return sum;
    }
}
