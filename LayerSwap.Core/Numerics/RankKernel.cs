using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>Ranks within a row: buckets of magnitudes, those in one of them, and the rank of a key among others.</summary>
internal static class RankKernel
{
    /// <summary><c>buckets[i] = min(abs(values[i]) * scale, last)</c>, cut to an integer. It never falls where magnitudes rise.</summary>
    /// <param name="values">Finite numbers.</param>
    /// <param name="scale">Not negative, finite.</param>
    /// <param name="last">The last bucket.</param>
    /// <param name="buckets">Receives one for each value.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Buckets(ReadOnlySpan<double> values, double scale, int last, Span<int> buckets)
    {
        ref double from = ref MemoryMarshal.GetReference(values);
        ref int to = ref MemoryMarshal.GetReference(buckets);
        Vector512<double> by = Vector512.Create(scale), most = Vector512.Create((double)last);
        int i = 0;
        for (; i <= values.Length - Vector512<int>.Count; i += Vector512<int>.Count)
        {
            Vector512<double> a = Vector512.Min(Vector512.Abs(Vector512.LoadUnsafe(ref from, (nuint)i)) * by, most);
            Vector512<double> b = Vector512.Min(Vector512.Abs(Vector512.LoadUnsafe(ref from, (nuint)(i + Vector512<double>.Count))) * by, most);
            Vector512.Narrow(Vector512.ConvertToInt64(a), Vector512.ConvertToInt64(b)).StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < values.Length; i++)
        {
            buckets[i] = (int)Math.Min(Math.Abs(values[i]) * scale, last);
        }
    }

    /// <summary>Counts what is in each bucket, and the place of every element among its bucket's; a bucket with different magnitudes is marked as mixed by a number that is not 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Count(ReadOnlySpan<int> buckets, ReadOnlySpan<double> values, Span<int> counts, Span<int> places, Span<ulong> first, Span<ulong> mixed)
    {
        ref int count = ref MemoryMarshal.GetReference(counts);
        ref ulong one = ref MemoryMarshal.GetReference(first), many = ref MemoryMarshal.GetReference(mixed);
        values = values[..buckets.Length];
        places = places[..buckets.Length];
        for (int i = 0; i < buckets.Length; i++)
        {
            // Buckets are below the length of all tables: see Buckets.
            int bucket = buckets[i], before = Unsafe.Add(ref count, bucket);
            ulong key = BitConverter.DoubleToUInt64Bits(values[i]) & long.MaxValue, other = before == 0 ? key : Unsafe.Add(ref one, bucket);
            Unsafe.Add(ref count, bucket) = before + 1;
            Unsafe.Add(ref one, bucket) = other;
            Unsafe.Add(ref many, bucket) |= other ^ key;
            places[i] = before;
        }
    }

    /// <summary>The places, ascending, where a bucket is; returns how many. The list has <see cref="Places.Room"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Members(ReadOnlySpan<int> buckets, int bucket, Span<int> places)
    {
        ref int from = ref MemoryMarshal.GetReference(buckets);
        ref int place = ref MemoryMarshal.GetReference(places);
        Vector512<int> wanted = Vector512.Create(bucket);
        int i = 0, count = 0;
        for (; i <= buckets.Length - Vector512<int>.Count; i += Vector512<int>.Count)
        {
            count = Places.Add(ref place, count, i, Vector512.Equals(Vector512.LoadUnsafe(ref from, (nuint)i), wanted));
        }

        for (; i < buckets.Length; i++)
        {
            if (buckets[i] == bucket)
            {
                places[count++] = i;
            }
        }

        return count;
    }

    /// <summary>How many keys rank below the one at a place: smaller ones, and equal ones after it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Below(ReadOnlySpan<ulong> keys, int place)
    {
        ref ulong from = ref MemoryMarshal.GetReference(keys);
        ulong own = keys[place];
        Vector512<long> key = Vector512.Create((long)own), smaller = default;
        int count = 0, i = 0;
        for (; i <= place - Vector512<long>.Count; i += Vector512<long>.Count)
        {
            smaller -= Vector512.LessThan(Vector512.LoadUnsafe(ref from, (nuint)i).AsInt64(), key);
        }

        for (; i <= place; i++)
        {
            count += keys[i] < own ? 1 : 0;
        }

        for (; i <= keys.Length - Vector512<long>.Count; i += Vector512<long>.Count)
        {
            smaller -= Vector512.LessThanOrEqual(Vector512.LoadUnsafe(ref from, (nuint)i).AsInt64(), key);
        }

        for (; i < keys.Length; i++)
        {
            count += keys[i] <= own ? 1 : 0;
        }

        return count + (int)Vector512.Sum(smaller);
    }
}
