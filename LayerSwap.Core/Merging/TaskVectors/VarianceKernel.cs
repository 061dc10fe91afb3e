using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>
/// Sort keys of the variance of each element's deltas across the sources: the sum of squared distances between all pairs of deltas, or the
/// distance itself for two sources. Distances need no mean, whose rounding would order equal variances; their sum has twice the precision
/// of float64. Equal deltas, including NaN, have key 0. Different deltas of which one is not finite have the key of NaN.
/// </summary>
internal static class VarianceKernel
{
    /// <summary>Computes the keys of a block.</summary>
    public static void ComputeKeys<T>(in OperandBlock<T> block, Span<ulong> keys)
        where T : unmanaged
    {
        int done = block.SourceCount == 2 ? KeysOfTwo(block, keys) : KeysOfAny(block, keys);
        for (int i = done; i < keys.Length; i++)
        {
            keys[i] = ComputeKey(block, i);
        }
    }

    /// <summary>Computes one key: the scalar definition.</summary>
    public static ulong ComputeKey<T>(in OperandBlock<T> block, int at)
        where T : unmanaged
    {
        int sources = block.SourceCount;
        double first = Delta(block, 0, at);
        bool equal = true;
        for (int s = 1; s < sources; s++)
        {
            equal &= Delta(block, s, at).Equals(first);
        }

        if (equal)
        {
            return 0;
        }

        if (sources == 2)
        {
            double distance = first - Delta(block, 1, at);
            // The added difference is NaN for infinity, and 0 otherwise.
            return SortKey.Of(distance + (distance - distance));
        }

        double sum = 0, rest = 0;
        for (int s = 1; s < sources; s++)
        {
            double delta = Delta(block, s, at);
            for (int t = 0; t < s; t++)
            {
                double distance = delta - Delta(block, t, at), square = distance * distance, total = sum + square, added = total - sum;
                rest += (sum - (total - added)) + (square - added) + Math.FusedMultiplyAdd(distance, distance, -square);
                sum = total;
            }
        }

        return SortKey.Of(sum + rest);
    }

    private static double Delta<T>(in OperandBlock<T> block, int source, int at)
        where T : unmanaged => VectorWidening.Load1(block[source][at]) - VectorWidening.Load1(block.Base[at]);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int KeysOfTwo<T>(in OperandBlock<T> block, Span<ulong> keys)
        where T : unmanaged
    {
        ref T start = ref MemoryMarshal.GetReference(block.Base), source = ref block.FirstSource;
        ref ulong key = ref MemoryMarshal.GetReference(keys);
        int stride = block.Stride, i = 0;
        for (; i <= keys.Length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            Vector512<double> x = VectorWidening.Load8(ref Unsafe.Add(ref start, i));
            Vector512<double> first = VectorWidening.Load8(ref Unsafe.Add(ref source, i)) - x;
            Vector512<double> second = VectorWidening.Load8(ref Unsafe.Add(ref source, stride + i)) - x;
            Vector512<double> distance = first - second;
            Vector512.Abs(distance).AsUInt64().StoreUnsafe(ref key, (nuint)i);
            if (!Vector512.EqualsAll(distance - distance, default))
            {
                // Not finite: the scalar definition compares the deltas.
                for (int k = i; k < i + Vector512<double>.Count; k++)
                {
                    keys[k] = ComputeKey(block, k);
                }
            }
        }

        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int KeysOfAny<T>(in OperandBlock<T> block, Span<ulong> keys)
        where T : unmanaged
    {
        ref T start = ref MemoryMarshal.GetReference(block.Base), source = ref block.FirstSource;
        ref ulong key = ref MemoryMarshal.GetReference(keys);
        int stride = block.Stride, sources = block.SourceCount, i = 0;
        for (; i <= keys.Length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            Vector512<double> x = VectorWidening.Load8(ref Unsafe.Add(ref start, i));
            Vector512<double> first = VectorWidening.Load8(ref Unsafe.Add(ref source, i)) - x;
            Vector512<double> sum = default, rest = default, equal = Vector512<double>.AllBitsSet;
            for (int s = 1; s < sources; s++)
            {
                Vector512<double> delta = VectorWidening.Load8(ref Unsafe.Add(ref source, (s * stride) + i)) - x;
                equal &= AreEqual(delta, first);
                for (int t = 0; t < s; t++)
                {
                    Vector512<double> distance = delta - (VectorWidening.Load8(ref Unsafe.Add(ref source, (t * stride) + i)) - x);
                    Vector512<double> square = distance * distance, total = sum + square, added = total - sum;
                    rest += (sum - (total - added)) + (square - added) + Vector512.FusedMultiplyAdd(distance, distance, -square);
                    sum = total;
                }
            }

            SortKey.Of(Vector512.AndNot(sum + rest, equal)).StoreUnsafe(ref key, (nuint)i);
        }

        return i;
    }

    /// <summary>Whether numbers are equal, or both NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> AreEqual(Vector512<double> a, Vector512<double> b) =>
        Vector512.Equals(a, b) | ~(Vector512.Equals(a, a) | Vector512.Equals(b, b));
}
