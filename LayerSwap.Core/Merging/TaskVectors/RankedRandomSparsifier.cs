using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>
/// Keeps each element with a probability that rises linearly with the rank of its magnitude in its row, from density - epsilon to density + epsilon (DELLA's MAGPRUNE, Deep et al.,
/// arXiv:2406.11617). Of equal magnitudes the one with the lower index ranks higher.
/// </summary>
/// <remarks>
/// Ranks are exact, but few are needed. Most random numbers lie below the lowest probability or above the highest and decide alone. For the others the ranks that a bucket of
/// magnitudes spans mostly decide; only where the number falls between those is the rank within the bucket counted.
/// </remarks>
internal sealed class RankedRandomSparsifier(double[] densities, double[] epsilons, ulong[] streams, long row) : ISparsifier
{
    /// <summary>Magnitudes above this many times their mean share the last bucket.</summary>
    private const double Spread = 8;

    /// <summary>Where so many of a bucket are open, it is sorted.</summary>
    private const int ManyOpen = 256;

    private const int FewestBuckets = 1 << 6, MostBuckets = 1 << 16;

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
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        KeyKernel.Subtract(origin, tuned, changes);
        for (int first = 0; first < changes.Length; first += (int)row)
        {
            Span<double> own = changes.Slice(first, (int)Math.Min(row, changes.Length - first));
            if (!_kept.TryApply(source, start + first, own))
            {
                DropRow(start + first, source, own);
                _kept.Keep(source, start + first, own);
            }
        }
    }

    private void DropRow(long start, int source, Span<double> changes)
    {
        int length = changes.Length;
        double mean = SumKernel.Magnitudes(changes) / length;
        if (mean == 0)
        {
            return;
        }

        // What is not finite has no place on a scale: one bucket then holds all.
        int count = (int)Math.Clamp(System.Numerics.BitOperations.RoundUpToPowerOf2((uint)length) / 2, FewestBuckets, MostBuckets);
        double scale = count / (Spread * mean);
        Chances chances = new(densities[source], epsilons[source], length, streams[source]);
        using Rented<int> rentedInts = new((3 * length) + count + 1 + Places.Room);
        using Rented<ulong> rentedLongs = new(((length + 1) / 2) + length + (2 * count));
        Span<int> ints = rentedInts.Span;
        Span<ulong> longs = rentedLongs.Span;
        Span<int> buckets = ints.Slice(0, length), places = ints.Slice(length, length), open = ints.Slice(2 * length, length + Places.Room), below = ints.Slice((3 * length) + Places.Room, count + 1);
        Span<ulong> first = longs.Slice(length, count), mixed = longs.Slice(length + count, count);
        Span<double> whole = MemoryMarshal.Cast<ulong, double>(longs.Slice(0, length));
        Span<uint> numbers = MemoryMarshal.Cast<ulong, uint>(longs[(length + (2 * count))..])[..length];
        changes.CopyTo(whole);
        below.Clear();
        mixed.Clear();
        buckets.Clear();
        if (double.IsFinite(mean) && double.IsFinite(scale))
        {
            RankKernel.Buckets(whole, scale, count - 1, buckets);
        }

        RankKernel.Count(buckets, whole, below[1..], places, first, mixed);
        for (int b = 1; b < below.Length; b++)
        {
            below[b] += below[b - 1];
        }

        open = open[..MaskKernel.Random(changes, streams[source], start, chances.LowestBound, chances.HighestBound, numbers, open)];
        open = open[..chances.ByBucket(numbers, changes, buckets, places, below, mixed, open)];
        while (!open.IsEmpty)
        {
            open = open[..DropInBucket(start, changes, whole, buckets, below, open, chances)];
        }
    }

    /// <summary>Decides the open elements of the first's bucket by their ranks in it; those of other buckets stay open. Returns how many.</summary>
    private static int DropInBucket(long start, Span<double> changes, ReadOnlySpan<double> whole, ReadOnlySpan<int> buckets, ReadOnlySpan<int> below, Span<int> open, in Chances chances)
    {
        int bucket = buckets[open[0]], size = below[bucket + 1] - below[bucket], left = 0, chosen = 0;
        using Rented<int> rentedPlaces = new(size + Places.Room + open.Length);
        using Rented<ulong> rentedKeys = new(size);
        Span<int> members = rentedPlaces.Span[..(size + Places.Room)], own = rentedPlaces.Span[(size + Places.Room)..];
        Span<ulong> keys = rentedKeys.Span;
        RankKernel.Members(buckets, bucket, members);
        for (int m = 0; m < size; m++)
        {
            keys[m] = Cut.KeyOf(whole[members[m]]);
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

        ReadOnlySpan<int> ranks = chosen > ManyOpen ? SortedRanks(keys) : [];
        foreach (int place in own[..chosen])
        {
            int rank = below[bucket] + (ranks.IsEmpty ? RankKernel.Below(keys, place) : ranks[place]);
            int element = members[place];
            changes[element] = chances.Keeps(start + element, rank) ? changes[element] : 0;
        }

        return left;
    }

    /// <summary>The rank of each key among all, by sorting: ascending, of equal keys the later first.</summary>
    private static int[] SortedRanks(ReadOnlySpan<ulong> keys)
    {
        ulong[] sorted = keys.ToArray();
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
        private readonly double _lowest = length == 1 ? density : density - epsilon;
        private readonly double _rise = length == 1 ? 0 : 2 * epsilon / (length - 1);

        /// <summary>Random numbers below are kept whatever their rank.</summary>
        public uint LowestBound => CounterRandom.Bound(Of(0));

        /// <summary>Random numbers from here on are dropped whatever their rank.</summary>
        public uint HighestBound => CounterRandom.Bound(Of(length - 1));

        public bool Keeps(long index, int rank) => CounterRandom.Uniform(stream, index) < Of(rank);

        /// <summary>Decides by the ranks that buckets span, and by the very rank where all of a bucket are equal; returns how many elements stay open, moved to the front.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public int ByBucket(ReadOnlySpan<uint> numbers, Span<double> changes, ReadOnlySpan<int> buckets, ReadOnlySpan<int> places, ReadOnlySpan<int> below, ReadOnlySpan<ulong> mixed, Span<int> open)
        {
            double lowest = _lowest, rise = _rise;
            Span<long> values = MemoryMarshal.Cast<double, long>(changes);
            int left = 0;
            foreach (int element in open)
            {
                int bucket = buckets[element], start = below[bucket], last = below[bucket + 1] - 1, rank = last - places[element];
                double random = CounterRandom.Uniform(numbers[element]);
                // Arithmetic for branches, which the compiler leaves in loops: which way it goes is as good as random.
                int equal = -One(mixed[bucket] == 0), fewest = start + ((rank - start) & equal), most = last + ((rank - last) & equal);
                long change = values[element] & (One(random >= lowest + (rise * most)) - 1L);
                values[element] = change;
                open[left] = element;
                // What is zero anyway needs no decision.
                left += One(random >= lowest + (rise * fewest)) & One(change << 1 != 0);
            }

            return left;
        }

        private static int One(bool holds) => Unsafe.BitCast<bool, byte>(holds);

        private double Of(int rank) => _lowest + (_rise * rank);
    }
}
