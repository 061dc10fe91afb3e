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

    /// <summary>Keeps in every row the elements whose key ranks within a cut.</summary>
    /// <param name="keys">The keys, as many as a row is long; a sign is not looked at.</param>
    /// <param name="start">The index of the first element.</param>
    /// <param name="cutKey">The cut's key.</param>
    /// <param name="cutIndex">The last index that the key is within at.</param>
    /// <param name="rows">Rows one after another, mended in place.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Within(ReadOnlySpan<ulong> keys, long start, ulong cutKey, long cutIndex, Span<double> rows)
    {
        ref ulong key = ref MemoryMarshal.GetReference(keys);
        ref double at = ref MemoryMarshal.GetReference(rows);
        Vector512<long> indices = Vector512.Create(start) + Vector512<long>.Indices, unsigned = Vector512.Create(long.MaxValue);
        int i = 0;
        for (; i <= keys.Length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            Vector512<double> kept = Within(Vector512.LoadUnsafe(ref key, (nuint)i).AsInt64() & unsigned, indices + Vector512.Create((long)i), cutKey, cutIndex).AsDouble();
            for (int row = i; row < rows.Length; row += keys.Length)
            {
                (Vector512.LoadUnsafe(ref at, (nuint)row) & kept).StoreUnsafe(ref at, (nuint)row);
            }
        }

        for (; i < keys.Length; i++)
        {
            ulong magnitude = keys[i] & long.MaxValue;
            bool kept = magnitude > cutKey || (magnitude == cutKey && start + i <= cutIndex);
            for (int row = i; row < rows.Length; row += keys.Length)
            {
                rows[row] = kept ? rows[row] : 0;
            }
        }
    }

    /// <summary>Keeps changes whose random number, of 53 bits, lies below a bound. The generator is SplitMix64 with the index as its state.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Random(Span<double> changes, ulong stream, long start, ulong below)
    {
        ref double at = ref MemoryMarshal.GetReference(changes);
        Vector512<ulong> bound = Vector512.Create(below);
        int i = 0;
        for (; i <= changes.Length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            Vector512<ulong> kept = Vector512.LessThan(Numbers(stream, start + i), bound);
            (Vector512.LoadUnsafe(ref at, (nuint)i) & kept.AsDouble()).StoreUnsafe(ref at, (nuint)i);
        }

        for (; i < changes.Length; i++)
        {
            changes[i] = Number(stream, start + i) < below ? changes[i] : 0;
        }
    }

    /// <summary>
    /// Drops changes whose random number lies at <paramref name="highest"/> or above; the places of those from <paramref name="lowest"/> on that are left go to <paramref name="open"/>.
    /// All numbers go to <paramref name="numbers"/>.
    /// </summary>
    /// <returns>How many are left open.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Random(Span<double> changes, ulong stream, long start, ulong lowest, ulong highest, Span<ulong> numbers, Span<int> open)
    {
        ref double at = ref MemoryMarshal.GetReference(changes);
        ref ulong all = ref MemoryMarshal.GetReference(numbers);
        ref int place = ref MemoryMarshal.GetReference(open[..changes.Length]);
        Vector512<ulong> low = Vector512.Create(lowest), high = Vector512.Create(highest);
        int i = 0, count = 0;
        for (; i <= changes.Length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            Vector512<ulong> number = Numbers(stream, start + i), below = Vector512.LessThan(number, high);
            number.StoreUnsafe(ref all, (nuint)i);
            (Vector512.LoadUnsafe(ref at, (nuint)i) & below.AsDouble()).StoreUnsafe(ref at, (nuint)i);
            ulong mask = Vector512.AndNot(below, Vector512.LessThan(number, low)).ExtractMostSignificantBits();
            // Without a branch: a third of them open is as bad as random to predict. A place past the last is written over.
            for (int lane = 0; lane < Vector512<double>.Count; lane++, mask >>= 1)
            {
                Unsafe.Add(ref place, count) = i + lane;
                count += (int)(mask & 1);
            }
        }

        for (; i < changes.Length; i++)
        {
            ulong number = numbers[i] = Number(stream, start + i);
            changes[i] = number < highest ? changes[i] : 0;
            if (number >= lowest && number < highest)
            {
                open[count++] = i;
            }
        }

        return count;
    }

    /// <summary>Sets a bit for each number that is not zero, the first in the lowest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void NonZero(ReadOnlySpan<double> values, Span<ulong> bits)
    {
        ref double from = ref MemoryMarshal.GetReference(values);
        for (int word = 0; word < bits.Length; word++)
        {
            ulong found = 0;
            int i = word * 64, end = Math.Min(i + 64, values.Length);
            for (; i <= end - Vector512<double>.Count; i += Vector512<double>.Count)
            {
                found |= (~Vector512.Equals(Vector512.LoadUnsafe(ref from, (nuint)i), default)).ExtractMostSignificantBits() << (i & 63);
            }

            for (; i < end; i++)
            {
                found |= (values[i] != 0 ? 1UL : 0) << (i & 63);
            }

            bits[word] = found;
        }
    }

    /// <summary>Sets to zero where the bit is not set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply(ReadOnlySpan<ulong> bits, Span<double> values)
    {
        ref double at = ref MemoryMarshal.GetReference(values);
        Vector512<ulong> lanes = Vector512.Create(1UL, 2, 4, 8, 16, 32, 64, 128);
        int i = 0;
        for (; i <= values.Length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            Vector512<double> kept = Vector512.Equals(Vector512.Create(bits[i / 64] >> (i & 63)) & lanes, lanes).AsDouble();
            (Vector512.LoadUnsafe(ref at, (nuint)i) & kept).StoreUnsafe(ref at, (nuint)i);
        }

        for (; i < values.Length; i++)
        {
            values[i] = ((bits[i / 64] >> (i & 63)) & 1) != 0 ? values[i] : 0;
        }
    }

    /// <summary>The random numbers of eight indices.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Numbers(ulong stream, long start)
    {
        Vector512<ulong> z = Vector512.Create(stream) + ((Vector512.Create((ulong)start) + Vector512<ulong>.Indices) * Vector512.Create(0x9E3779B97F4A7C15));
        z = (z ^ (z >> 30)) * Vector512.Create(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)) * Vector512.Create(0x94D049BB133111EB);
        return (z ^ (z >> 31)) >> 11;
    }

    /// <summary>The scalar definition of the random number of an index, 53 bits.</summary>
    public static ulong Number(ulong stream, long index)
    {
        ulong z = stream + ((ulong)index * 0x9E3779B97F4A7C15);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return (z ^ (z >> 31)) >> 11;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<long> Within(Vector512<long> key, Vector512<long> index, ulong cutKey, long cutIndex)
    {
        // Keys are below 2^63; a cut above that takes in nothing.
        Vector512<long> cut = Vector512.Create((long)Math.Min(cutKey, long.MaxValue));
        return Vector512.GreaterThan(key, cut) | (Vector512.Equals(key, cut) & Vector512.LessThanOrEqual(index, Vector512.Create(cutIndex)));
    }
}
