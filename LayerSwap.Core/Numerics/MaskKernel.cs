using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>Sets what is not kept to zero, without a branch for an element.</summary>
internal static class MaskKernel
{
    /// <summary>Keeps changes that rank within one cut and not within another: a key larger than the cut's, or equal at an index not above its.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Ranked(Span<double> changes, long start, ulong keptKey, long keptIndex, ulong outlierKey, long outlierIndex)
    {
        ref double at = ref MemoryMarshal.GetReference(changes);
        Vector512<long> indices = Vector512.Create(start) + Vector512<long>.Indices;
        int i = 0;
        for (; i <= changes.Length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            Vector512<double> change = Vector512.LoadUnsafe(ref at, (nuint)i);
            Vector512<long> key = Vector512.Abs(change).AsInt64(), index = indices + Vector512.Create((long)i);
            (change & Vector512.AndNot(Within(key, index, keptKey, keptIndex), Within(key, index, outlierKey, outlierIndex)).AsDouble()).StoreUnsafe(ref at, (nuint)i);
        }

        for (; i < changes.Length; i++)
        {
            ulong key = BitConverter.DoubleToUInt64Bits(Math.Abs(changes[i]));
            bool kept = key > keptKey || (key == keptKey && start + i <= keptIndex), outlier = key > outlierKey || (key == outlierKey && start + i <= outlierIndex);
            changes[i] = kept && !outlier ? changes[i] : 0;
        }
    }

    /// <summary>Keeps changes whose random number, of 53 bits, lies below a bound. The generator is SplitMix64 with the index as its state.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Random(Span<double> changes, ulong stream, long start, ulong below)
    {
        ref double at = ref MemoryMarshal.GetReference(changes);
        Vector512<ulong> indices = Vector512<ulong>.Indices, bound = Vector512.Create(below);
        int i = 0;
        for (; i <= changes.Length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            Vector512<ulong> z = Vector512.Create(stream) + ((Vector512.Create((ulong)(start + i)) + indices) * Vector512.Create(0x9E3779B97F4A7C15));
            z = (z ^ (z >> 30)) * Vector512.Create(0xBF58476D1CE4E5B9);
            z = (z ^ (z >> 27)) * Vector512.Create(0x94D049BB133111EB);
            Vector512<ulong> kept = Vector512.LessThan((z ^ (z >> 31)) >> 11, bound);
            (Vector512.LoadUnsafe(ref at, (nuint)i) & kept.AsDouble()).StoreUnsafe(ref at, (nuint)i);
        }

        for (; i < changes.Length; i++)
        {
            changes[i] = Number(stream, start + i) < below ? changes[i] : 0;
        }
    }

    /// <summary>The scalar definition of the random number of an index, 53 bits.</summary>
    public static ulong Number(ulong stream, long index)
    {
        ulong z = stream + ((ulong)index * 0x9E3779B97F4A7C15);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return (z ^ (z >> 31)) >> 11;
    }

    private static Vector512<long> Within(Vector512<long> key, Vector512<long> index, ulong cutKey, long cutIndex)
    {
        // Keys are below 2^63; a cut above that takes in nothing.
        Vector512<long> cut = Vector512.Create((long)Math.Min(cutKey, long.MaxValue));
        return Vector512.GreaterThan(key, cut) | (Vector512.Equals(key, cut) & Vector512.LessThanOrEqual(index, Vector512.Create(cutIndex)));
    }
}
