using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSwap.Numerics;

/// <summary>
/// How a row's keys are put into buckets: by exponent and leading bits, so that none falls where keys rise. Sixteen octaves below the largest key each have as many; what is smaller shares the
/// lowest bucket. Buckets lie in tables in a turned order, sixteen runs of neighbours side by side, in which their counts are summed by vectors.
/// </summary>
internal readonly record struct BucketScale
{
    /// <summary>Runs side by side, and spare places after the buckets.</summary>
    public const int Lanes = 16;

    private const int Most = 2048;

    private BucketScale(int bits, int shift, int lowest) => (Bits, Shift, Lowest) = (bits, shift, lowest);

    /// <summary>The logarithm of how many there are.</summary>
    public int Bits { get; }

    /// <summary>How many bits of a key do not count.</summary>
    public int Shift { get; }

    /// <summary>What the keys of the lowest bucket have before them.</summary>
    public int Lowest { get; }

    /// <summary>A power of two from 16 on.</summary>
    public int Count => 1 << Bits;

    /// <summary>Places in tables: those of the buckets, and sixteen for keys that are zero, which need no decision and no rank; each lane of a vector has its own.</summary>
    public int Places => Count + Lanes;

    /// <summary>For a row of some length.</summary>
    /// <param name="length">1 or more.</param>
    /// <param name="largest">The largest key.</param>
    /// <param name="fraction">The bits of a key's fraction: 23 or 52.</param>
    public static BucketScale Of(int length, long largest, int fraction)
    {
        int count = Math.Clamp((int)Math.Min(BitOperations.RoundUpToPowerOf2((uint)length), Most), Lanes, Most), bits = BitOperations.Log2((uint)count);
        int shift = fraction - (bits - BitOperations.Log2(Lanes));
        return new BucketScale(bits, shift, Math.Max((int)(largest >> shift) - (count - 1), 0));
    }

    /// <summary>The place of a bucket, counted from the smallest keys, in tables.</summary>
    public int PlaceOf(int bucket) => ((bucket << 4) | (bucket >> (Bits - 4))) & (Count - 1);
}

/// <summary>Ranks within a row, of equal keys the later lower, as far as random numbers ask for them. Keys are the bits of magnitudes: of singles or of doubles.</summary>
internal static class RankKernel
{
    private const int Lanes = BucketScale.Lanes;

    /// <summary>What halves of bounds are counted in: the upper half of a random number.</summary>
    private const int Half = 16;

    /// <summary>The length of arrays for a row: whole vectors.</summary>
    public static int Padded(int length) => checked((length + Lanes - 1) / Lanes * Lanes);

    /// <summary><c>keys[i] = bits of abs(tuned[i] - origin[i])</c> where every one of these differences of singles is exact; the rest of the array is set to zero.</summary>
    /// <returns>False, and no use of the keys, where one is not.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool TryKeys(ReadOnlySpan<float> origin, ReadOnlySpan<float> tuned, Span<int> keys)
    {
        ref float from = ref MemoryMarshal.GetReference(origin);
        ref float to = ref MemoryMarshal.GetReference(tuned);
        ref int key = ref MemoryMarshal.GetReference(keys);
        Vector512<int> exact = Vector512<int>.AllBitsSet, unsigned = Vector512.Create(int.MaxValue);
        int i = 0;
        for (; i <= tuned.Length - Lanes; i += Lanes)
        {
            Vector512<float> x = Vector512.LoadUnsafe(ref from, (nuint)i), y = Vector512.LoadUnsafe(ref to, (nuint)i), change = y - x;
            exact &= KeyKernel.Exact(x, y, change);
            (change.AsInt32() & unsigned).StoreUnsafe(ref key, (nuint)i);
        }

        bool all = exact == Vector512<int>.AllBitsSet;
        for (; i < tuned.Length; i++)
        {
            float x = origin[i], y = tuned[i], change = y - x;
            all &= y - change == x && x + change == y;
            keys[i] = BitConverter.SingleToInt32Bits(change) & int.MaxValue;
        }

        keys[tuned.Length..].Clear();
        return all;
    }

    /// <summary>The largest of whole vectors of keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static TKey Largest<TKey>(ReadOnlySpan<TKey> keys)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        ref TKey key = ref MemoryMarshal.GetReference(keys);
        Vector512<TKey> largest = default;
        for (int i = 0; i < keys.Length; i += Vector512<TKey>.Count)
        {
            largest = Vector512.Max(largest, Vector512.LoadUnsafe(ref key, (nuint)i));
        }

        TKey found = TKey.Zero;
        for (int lane = 0; lane < Vector512<TKey>.Count; lane++)
        {
            found = TKey.Max(found, largest[lane]);
        }

        return found;
    }

    /// <summary>
    /// The place of each key's bucket in tables. Those of buckets in which keys may differ are listed, some more than once: all other buckets have equal keys. The list has
    /// <see cref="Places.Room"/>.
    /// </summary>
    /// <param name="keys">Whole vectors.</param>
    /// <param name="scale">The row's.</param>
    /// <param name="buckets">Receives one for each key.</param>
    /// <param name="mixed">Receives the list.</param>
    /// <returns>How many are listed.</returns>
    public static int Buckets<TKey>(ReadOnlySpan<TKey> keys, in BucketScale scale, Span<int> buckets, Span<int> mixed)
        where TKey : unmanaged, IBinaryInteger<TKey> =>
        typeof(TKey) == typeof(int) ? Buckets(MemoryMarshal.Cast<TKey, int>(keys), scale, buckets, mixed) : Buckets(MemoryMarshal.Cast<TKey, long>(keys), scale, buckets, mixed);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Buckets(ReadOnlySpan<int> keys, in BucketScale scale, Span<int> buckets, Span<int> mixed)
    {
        ref int key = ref MemoryMarshal.GetReference(keys), to = ref MemoryMarshal.GetReference(buckets), list = ref MemoryMarshal.GetReference(mixed);
        Vector512<int> lowest = Vector512.Create(scale.Lowest), rest = Vector512.Create((1 << scale.Shift) - 1), within = Vector512.Create(scale.Count - 1);
        Vector512<int> zeros = Vector512.Create(scale.Count) + Vector512<int>.Indices;
        int shift = scale.Shift, turn = scale.Bits - 4, count = 0;
        for (int i = 0; i < keys.Length; i += Lanes)
        {
            Vector512<int> k = Vector512.LoadUnsafe(ref key, (nuint)i), top = k >> shift, bucket = Vector512.Max(top, lowest) - lowest, zero = Vector512.Equals(k, default);
            Vector512<int> place = Vector512.ConditionalSelect(zero, zeros, ((bucket << 4) | (bucket >> turn)) & within);
            place.StoreUnsafe(ref to, (nuint)i);
            count = Places.Values(ref list, count, place, Vector512.AndNot(~Vector512.Equals(k & rest, default) | Vector512.LessThan(top, lowest), zero));
        }

        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Buckets(ReadOnlySpan<long> keys, in BucketScale scale, Span<int> buckets, Span<int> mixed)
    {
        int count = 0;
        long rest = (1L << scale.Shift) - 1;
        for (int i = 0; i < keys.Length; i++)
        {
            long key = keys[i], top = key >> scale.Shift;
            int place = key == 0 ? scale.Count + (i % Lanes) : scale.PlaceOf((int)(Math.Max(top, scale.Lowest) - scale.Lowest));
            buckets[i] = place;
            mixed[count] = place;
            count += key != 0 && ((key & rest) != 0 || top < scale.Lowest) ? 1 : 0;
        }

        return count;
    }

    /// <summary>Counts what is in each bucket, and the place of every element among its bucket's.</summary>
    /// <param name="buckets">Places in tables.</param>
    /// <param name="counts">All zero; at least as long as there are places.</param>
    /// <param name="places">Receives a place for each.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Count(ReadOnlySpan<int> buckets, Span<int> counts, Span<int> places)
    {
        ref int count = ref MemoryMarshal.GetReference(counts), place = ref MemoryMarshal.GetReference(places[..buckets.Length]);
        for (int i = 0; i < buckets.Length; i++)
        {
            ref int own = ref Unsafe.Add(ref count, buckets[i]);
            int before = own;
            Unsafe.Add(ref place, i) = before;
            own = before + 1;
        }
    }

    /// <summary>
    /// The lowest rank in each bucket, and the bounds of random numbers that decide for all of it: below the first all are kept, above the second none. They are rounded away from what they
    /// bound, and packed: upper halves of numbers, the first in the lower bits.
    /// </summary>
    /// <param name="counts">Places in tables.</param>
    /// <param name="scale">The row's.</param>
    /// <param name="lowest">The probability of rank 0.</param>
    /// <param name="rise">By how much it rises with each rank; 0 or more. All probabilities lie from 0 to 1.</param>
    /// <param name="ranks">Receives the lowest rank of each bucket.</param>
    /// <param name="bounds">Receives the bounds.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Bounds(ReadOnlySpan<int> counts, in BucketScale scale, double lowest, double rise, Span<int> ranks, Span<int> bounds)
    {
        const float Scale = 1 << Half, Margin = 0.25f;
        ref int count = ref MemoryMarshal.GetReference(counts), rank = ref MemoryMarshal.GetReference(ranks), bound = ref MemoryMarshal.GetReference(bounds);
        int buckets = scale.Count;
        // Zeros rank lowest of all.
        Vector512<int> run = default, zeros = Vector512.LoadUnsafe(ref count, (nuint)buckets);
        for (int i = 0; i < buckets; i += Lanes)
        {
            run.StoreUnsafe(ref rank, (nuint)i);
            run += Vector512.LoadUnsafe(ref count, (nuint)i);
        }

        Vector512<int> starts = default;
        int before = Vector512.Sum(zeros);
        for (int lane = 0; lane < Lanes; lane++)
        {
            starts = starts.WithElement(lane, before);
            before += run[lane];
        }

        Vector512<float> from = Vector512.Create((float)lowest * Scale), by = Vector512.Create((float)rise * Scale), margin = Vector512.Create(Margin);
        Vector512<int> most = Vector512.Create((int)ushort.MaxValue);
        for (int i = 0; i < buckets; i += Lanes)
        {
            Vector512<int> first = Vector512.LoadUnsafe(ref rank, (nuint)i) + starts, last = first + Vector512.LoadUnsafe(ref count, (nuint)i) - Vector512<int>.One;
            first.StoreUnsafe(ref rank, (nuint)i);
            Vector512<int> sure = Vector512.ConvertToInt32Native(Vector512.Max((Vector512.ConvertToSingle(first) * by) + from - margin, default));
            // An upper half that is not above this one may yet be that of a number that is kept.
            Vector512<int> doubtful = Vector512.ConvertToInt32Native((Vector512.ConvertToSingle(last) * by) + from + margin);
            (Vector512.Min(sure, most) | (Vector512.Min(doubtful, most) << Half)).StoreUnsafe(ref bound, (nuint)i);
        }

        Vector512<int>.Zero.StoreUnsafe(ref bound, (nuint)buckets);
    }

    /// <summary>Sets the bits of elements that are kept for sure, and lists those for which their bucket does not decide. The list has <see cref="Places.Room"/>.</summary>
    /// <param name="buckets">Whole vectors of places in tables.</param>
    /// <param name="bounds">Made by <see cref="Bounds"/>.</param>
    /// <param name="stream">The stream of random numbers.</param>
    /// <param name="start">The index of the first element.</param>
    /// <param name="bits">Receives a bit an element, the first in the lowest.</param>
    /// <param name="open">Receives the list.</param>
    /// <returns>How many are listed.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Draw(ReadOnlySpan<int> buckets, ReadOnlySpan<int> bounds, ulong stream, long start, Span<ulong> bits, Span<int> open)
    {
        ref int bucket = ref MemoryMarshal.GetReference(buckets), table = ref MemoryMarshal.GetReference(bounds), list = ref MemoryMarshal.GetReference(open);
        Span<ushort> kept = MemoryMarshal.Cast<ulong, ushort>(bits);
        Vector512<ulong> state = MaskKernel.States(stream, start & ~1L);
        bool odd = (start & 1) != 0;
        Vector512<uint> numbers = odd ? MaskKernel.Numbers(ref state) : default;
        int count = 0;
        for (int i = 0; i < buckets.Length; i += Lanes)
        {
            Vector512<uint> number = MaskKernel.Numbers(ref state);
            if (odd)
            {
                (number, numbers) = (Following(numbers, number), number);
            }

            Vector512<int> bound = Gather(ref table, Vector512.LoadUnsafe(ref bucket, (nuint)i)), half = (number >> Half).AsInt32();
            Vector512<int> sure = Vector512.LessThan(half, bound & Vector512.Create((int)ushort.MaxValue));
            kept[i / Lanes] = (ushort)sure.ExtractMostSignificantBits();
            count = Places.Add(ref list, count, i, Vector512.AndNot(Vector512.LessThanOrEqual(half, bound >>> Half), sure));
        }

        return count;
    }

    /// <summary>The places, ascending, where a bucket is; returns how many. The list has <see cref="Places.Room"/>, and what is beyond the row another bucket.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Members(ReadOnlySpan<int> buckets, int bucket, Span<int> places)
    {
        ref int from = ref MemoryMarshal.GetReference(buckets), place = ref MemoryMarshal.GetReference(places);
        Vector512<int> wanted = Vector512.Create(bucket);
        int count = 0;
        for (int i = 0; i < buckets.Length; i += Lanes)
        {
            count = Places.Add(ref place, count, i, Vector512.Equals(Vector512.LoadUnsafe(ref from, (nuint)i), wanted));
        }

        return count;
    }

    /// <summary>How many keys rank below the one at a place: smaller ones, and equal ones after it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Below<TKey>(ReadOnlySpan<TKey> keys, int place)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        ref TKey from = ref MemoryMarshal.GetReference(keys);
        TKey own = keys[place];
        Vector512<TKey> key = Vector512.Create(own), smaller = default;
        int count = 0, i = 0;
        for (; i <= place - Vector512<TKey>.Count; i += Vector512<TKey>.Count)
        {
            smaller -= Vector512.LessThan(Vector512.LoadUnsafe(ref from, (nuint)i), key);
        }

        for (; i <= place; i++)
        {
            count += keys[i] < own ? 1 : 0;
        }

        for (; i <= keys.Length - Vector512<TKey>.Count; i += Vector512<TKey>.Count)
        {
            smaller -= Vector512.LessThanOrEqual(Vector512.LoadUnsafe(ref from, (nuint)i), key);
        }

        for (; i < keys.Length; i++)
        {
            count += keys[i] <= own ? 1 : 0;
        }

        return count + int.CreateTruncating(Vector512.Sum(smaller));
    }

    /// <summary>Sixteen numbers from the second of the first on.</summary>
    private static Vector512<uint> Following(Vector512<uint> first, Vector512<uint> second)
    {
        Vector512<uint> next = default;
        for (int lane = 0; lane < Lanes; lane++)
        {
            next = next.WithElement(lane, lane < Lanes - 1 ? first[lane + 1] : second[0]);
        }

        return next;
    }

    /// <summary>The entries of a table at sixteen places.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe Vector512<int> Gather(ref int table, Vector512<int> places)
    {
        if (Avx2.IsSupported)
        {
            fixed (int* at = &table)
            {
                return Vector512.Create(Avx2.GatherVector256(at, places.GetLower(), sizeof(int)), Avx2.GatherVector256(at, places.GetUpper(), sizeof(int)));
            }
        }

        Vector512<int> entries = default;
        for (int lane = 0; lane < Lanes; lane++)
        {
            entries = entries.WithElement(lane, Unsafe.Add(ref table, places[lane]));
        }

        return entries;
    }
}
