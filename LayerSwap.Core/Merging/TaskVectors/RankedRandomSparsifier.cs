using System.Numerics;
using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>
/// Keeps each element with a probability that rises linearly with the rank of its magnitude in its row, from density - epsilon to density + epsilon (DELLA's MAGPRUNE, Deep et al.,
/// arXiv:2406.11617). Of equal magnitudes the one with the lower index ranks higher.
/// </summary>
/// <remarks>
/// Ranks are exact, but few are needed. The ranks that a bucket of magnitudes spans mostly decide; where a random number falls between, and all of the bucket are equal, their order does. Only
/// what is left is ranked within its bucket.
/// </remarks>
internal sealed class RankedRandomSparsifier(double[] densities, double[] epsilons, ulong[] streams, long row) : ISparsifier
{
    /// <summary>Where so many of a bucket are open, it is sorted.</summary>
    private const int ManyOpen = 256;

    /// <summary>The bits of the fraction of a single and of a double.</summary>
    private const int SingleFraction = 23, DoubleFraction = 52;

    private readonly KeptRows _kept = new(densities.Length, row);

    public long Unit => row;

    public bool Spares(int source) => densities[source] >= 1;

    public void Prepare(TensorPasses passes, bool measured)
    {
        if (measured)
        {
            _kept.Open(passes.ElementCount);
        }
    }

    public void Release() => _kept.Close();

    public void Keep<T>(long start, int source, ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, Span<double> changes)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        using Rented<ulong> rented = new(_kept.Words);
        for (int first = 0; first < changes.Length; first += (int)row)
        {
            int length = (int)Math.Min(row, changes.Length - first);
            ReadOnlySpan<T> from = origin.Slice(first, length), to = tuned.Slice(first, length);
            MaskKernel.Kept(from, to, Chosen(start + first, source, from, to, rented.Span), changes.Slice(first, length));
        }
    }

    public (double All, double Kept) Masses<T>(long start, int source, ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        using Rented<ulong> rented = new(_kept.Words);
        (double all, double kept) = (0, 0);
        for (int first = 0; first < tuned.Length; first += (int)row)
        {
            int length = (int)Math.Min(row, tuned.Length - first);
            ReadOnlySpan<T> from = origin.Slice(first, length), to = tuned.Slice(first, length);
            (double allOfRow, double keptOfRow) = MaskKernel.Masses(from, to, Chosen(start + first, source, from, to, rented.Span));
            all += allOfRow;
            kept += keptOfRow;
        }

        return (all, kept);
    }

    /// <summary>What is kept of a row, a bit an element.</summary>
    private Span<ulong> Chosen<T>(long start, int source, ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, Span<ulong> otherwise)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Span<ulong> bits = _kept.Of(source, start);
        bits = bits.IsEmpty ? otherwise : bits;
        if (_kept.Knows(source, start))
        {
            return bits;
        }

        Chances chances = new(densities[source], epsilons[source], tuned.Length, streams[source]);
        int padded = RankKernel.Padded(tuned.Length);
        using (Rented<int> singles = new(padded))
        {
            if (typeof(T) == typeof(float) && RankKernel.TryKeys(MemoryMarshal.Cast<T, float>(origin), MemoryMarshal.Cast<T, float>(tuned), singles.Span))
            {
                Choose<int>(start, singles.Span, SingleFraction, chances, bits);
            }
            else
            {
                using Rented<ulong> doubles = new(padded);
                KeyKernel.Changes(origin, tuned, doubles.Span[..tuned.Length]);
                doubles.Span[tuned.Length..].Clear();
                Choose<long>(start, MemoryMarshal.Cast<ulong, long>(doubles.Span), DoubleFraction, chances, bits);
            }
        }

        _kept.Know(source, start);
        return bits;
    }

    /// <summary>Chooses by keys, the bits of magnitudes, and zeros after them to whole vectors.</summary>
    private static void Choose<TKey>(long start, ReadOnlySpan<TKey> keys, int fraction, in Chances chances, Span<ulong> bits)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        long largest = long.CreateTruncating(RankKernel.Largest(keys));
        if (largest == 0)
        {
            bits.Clear();
            return;
        }

        BucketScale scale = BucketScale.Of(chances.Length, largest, fraction);
        int places = scale.Places;
        using Rented<int> rented = new((3 * places) + (3 * keys.Length) + Places.Room);
        using Rented<bool> rentedFlags = new(places);
        Span<int> ints = rented.Span, counts = ints[..places], ranks = ints.Slice(places, places), bounds = ints.Slice(2 * places, places);
        Span<int> buckets = ints.Slice(3 * places, keys.Length), order = ints.Slice((3 * places) + keys.Length, keys.Length), list = ints[((3 * places) + (2 * keys.Length))..];
        Span<bool> mixed = rentedFlags.Span;
        counts.Clear();
        mixed.Clear();
        foreach (int place in list[..RankKernel.Buckets(keys, scale, buckets, list)])
        {
            mixed[place] = true;
        }

        RankKernel.Count(buckets[..chances.Length], counts, order);
        RankKernel.Bounds(counts, scale, chances.Lowest, chances.Rise, ranks, bounds);
        Span<int> open = list[..RankKernel.Draw(buckets, bounds, chances.Stream, start, bits, list)];
        int left = 0;
        foreach (int element in open)
        {
            int bucket = buckets[element], size = counts[bucket];
            if (size > 1 && mixed[bucket])
            {
                open[left++] = element;
            }
            // What is zero anyway needs no decision.
            else if (bucket < scale.Count)
            {
                Set(bits, element, chances.Keeps(start + element, ranks[bucket] + size - 1 - order[element]));
            }
        }

        open = open[..left];
        while (!open.IsEmpty)
        {
            open = open[..ChooseInBucket(start, keys, buckets, counts, ranks, open, chances, bits)];
        }
    }

    /// <summary>Decides the open elements of the first's bucket by their ranks in it; those of other buckets stay open. Returns how many.</summary>
    private static int ChooseInBucket<TKey>(
        long start, ReadOnlySpan<TKey> keys, ReadOnlySpan<int> buckets, ReadOnlySpan<int> counts, ReadOnlySpan<int> ranks, Span<int> open, in Chances chances, Span<ulong> bits)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        int bucket = buckets[open[0]], size = counts[bucket], left = 0, chosen = 0;
        using Rented<int> rentedPlaces = new(size + Places.Room + open.Length);
        using Rented<TKey> rentedKeys = new(size);
        Span<int> members = rentedPlaces.Span[..(size + Places.Room)], own = rentedPlaces.Span[(size + Places.Room)..];
        Span<TKey> inBucket = rentedKeys.Span;
        RankKernel.Members(buckets, bucket, members);
        for (int m = 0; m < size; m++)
        {
            inBucket[m] = keys[members[m]];
        }

        // The places among the members of the bucket's own open elements; both ascend.
        int at = 0;
        foreach (int element in open)
        {
            if (buckets[element] != bucket)
            {
                open[left++] = element;
                continue;
            }

            while (members[at] != element)
            {
                at++;
            }

            own[chosen++] = at;
        }

        ReadOnlySpan<int> sorted = chosen > ManyOpen ? SortedRanks<TKey>(inBucket) : [];
        foreach (int place in own[..chosen])
        {
            int rank = ranks[bucket] + (sorted.IsEmpty ? RankKernel.Below<TKey>(inBucket, place) : sorted[place]), element = members[place];
            Set(bits, element, chances.Keeps(start + element, rank));
        }

        return left;
    }

    private static void Set(Span<ulong> bits, int element, bool kept) => bits[element / 64] |= (kept ? 1UL : 0) << (element & 63);

    /// <summary>The rank of each key among all, by sorting: ascending, of equal keys the later first.</summary>
    private static int[] SortedRanks<TKey>(ReadOnlySpan<TKey> keys)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        TKey[] sorted = keys.ToArray();
        int[] places = [.. Enumerable.Range(0, sorted.Length)], ranks = new int[sorted.Length];
        Array.Sort(sorted, places);
        for (int first = 0, end; first < sorted.Length; first = end)
        {
            for (end = first + 1; end < sorted.Length && sorted[end] == sorted[first];)
            {
                end++;
            }

            Span<int> equal = places.AsSpan(first, end - first);
            equal.Sort();
            for (int i = 0; i < equal.Length; i++)
            {
                ranks[equal[i]] = end - 1 - i;
            }
        }

        return ranks;
    }

    /// <summary>The probabilities of a row: <c>density - epsilon + 2 epsilon rank / (length - 1)</c>, and density itself in a row of one.</summary>
    private readonly struct Chances(double density, double epsilon, int length, ulong stream)
    {
        public int Length => length;

        public ulong Stream => stream;

        public double Lowest { get; } = length == 1 ? density : density - epsilon;

        public double Rise { get; } = length == 1 ? 0 : 2 * epsilon / (length - 1);

        public bool Keeps(long index, int rank) => CounterRandom.Uniform(stream, index) < Lowest + (Rise * rank);
    }
}
