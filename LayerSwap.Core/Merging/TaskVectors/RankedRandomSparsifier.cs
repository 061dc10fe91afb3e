namespace LayerSwap.Merging;

/// <summary>
/// Keeps each element with a probability that rises linearly with the rank of its magnitude in its row, from density - epsilon to density + epsilon (DELLA's MAGPRUNE, Deep et al.,
/// arXiv:2406.11617). Of equal magnitudes the one with the lower index ranks higher.
/// </summary>
internal sealed class RankedRandomSparsifier(double[] densities, double[] epsilons, ulong[] streams, long row) : ISparsifier
{
    private const int Buckets = 1 << 12, BucketShift = 64 - 1 - 12;

    /// <summary>Rows up to this long are not worth a table: ranks are counted.</summary>
    private const int ShortRow = 64;

    public long Unit => row;

    public bool Spares(int source) => densities[source] >= 1;

    public void Prepare(TensorPasses passes)
    {
    }

    public void Drop(long start, int source, Span<double> changes)
    {
        for (int first = 0; first < changes.Length; first += (int)row)
        {
            DropRow(start + first, source, changes.Slice(first, (int)Math.Min(row, changes.Length - first)));
        }
    }

    /// <summary>
    /// An element is kept where its random number lies below the probability of its rank. Most are decided by the ranks that their bucket of magnitudes spans; only where the number
    /// falls between those is the rank itself needed, and the bucket sorted. What is zero anyway needs no decision.
    /// </summary>
    private void DropRow(long start, int source, Span<double> changes)
    {
        int length = changes.Length;
        ulong[] keys = System.Buffers.ArrayPool<ulong>.Shared.Rent(length);
        for (int i = 0; i < length; i++)
        {
            keys[i] = Cut.KeyOf(changes[i]);
        }

        if (length <= ShortRow)
        {
            DropShort(start, source, changes, keys.AsSpan(0, length));
        }
        else
        {
            DropLong(start, source, changes, keys.AsSpan(0, length));
        }

        System.Buffers.ArrayPool<ulong>.Shared.Return(keys);
    }

    private void DropShort(long start, int source, Span<double> changes, ReadOnlySpan<ulong> keys)
    {
        double lowest = densities[source] - epsilons[source], rise = keys.Length > 1 ? 2 * epsilons[source] / (keys.Length - 1) : 0;
        for (int i = 0; i < keys.Length; i++)
        {
            double random = CounterRandom.Uniform(streams[source], start + i);
            changes[i] = random < (keys.Length == 1 ? densities[source] : lowest + (rise * Rank(keys, i))) ? changes[i] : 0;
        }
    }

    private void DropLong(long start, int source, Span<double> changes, ReadOnlySpan<ulong> keys)
    {
        double lowest = densities[source] - epsilons[source], rise = 2 * epsilons[source] / (keys.Length - 1);
        Span<int> below = stackalloc int[Buckets + 1];
        below.Clear();
        foreach (ulong key in keys)
        {
            below[(int)(key >> BucketShift) + 1]++;
        }

        for (int b = 0; b < Buckets; b++)
        {
            below[b + 1] += below[b];
        }

        int[] rented = System.Buffers.ArrayPool<int>.Shared.Rent(keys.Length);
        Span<int> undecided = rented.AsSpan(0, keys.Length);
        int count = 0;
        for (int i = 0; i < keys.Length; i++)
        {
            double random = CounterRandom.Uniform(streams[source], start + i);
            int bucket = (int)(keys[i] >> BucketShift);
            if (keys[i] == 0 || random < lowest + (rise * below[bucket]))
            {
                continue;
            }

            if (random < lowest + (rise * (below[bucket + 1] - 1)))
            {
                undecided[count++] = i;
            }
            else
            {
                changes[i] = 0;
            }
        }

        if (count > 0)
        {
            DropByRank(start, source, changes, keys, below, undecided[..count]);
        }

        System.Buffers.ArrayPool<int>.Shared.Return(rented);
    }

    /// <summary>Decides those whose rank within their bucket counts.</summary>
    private void DropByRank(long start, int source, Span<double> changes, ReadOnlySpan<ulong> keys, ReadOnlySpan<int> below, ReadOnlySpan<int> undecided)
    {
        double lowest = densities[source] - epsilons[source], rise = 2 * epsilons[source] / (keys.Length - 1);
        ulong[] sorted = System.Buffers.ArrayPool<ulong>.Shared.Rent(keys.Length);
        int[] places = System.Buffers.ArrayPool<int>.Shared.Rent(keys.Length);
        int[] next = [.. below[..Buckets]];
        bool[] inOrder = new bool[Buckets];
        for (int i = 0; i < keys.Length; i++)
        {
            int at = next[(int)(keys[i] >> BucketShift)]++;
            (sorted[at], places[at]) = (keys[i], i);
        }

        foreach (int i in undecided)
        {
            int bucket = (int)(keys[i] >> BucketShift), first = below[bucket], end = below[bucket + 1];
            if (!inOrder[bucket])
            {
                Order(sorted.AsSpan(first, end - first), places.AsSpan(first, end - first));
                inOrder[bucket] = true;
            }

            int rank = RankIn(sorted, places, first, end, keys[i], i);
            changes[i] = CounterRandom.Uniform(streams[source], start + i) < lowest + (rise * rank) ? changes[i] : 0;
        }

        System.Buffers.ArrayPool<ulong>.Shared.Return(sorted);
        System.Buffers.ArrayPool<int>.Shared.Return(places);
    }

    /// <summary>Ascending by key; of equal keys the lower index comes later.</summary>
    private static void Order(Span<ulong> sorted, Span<int> places)
    {
        sorted.Sort(places);
        for (int i = 0, end; i < sorted.Length; i = end)
        {
            for (end = i + 1; end < sorted.Length && sorted[end] == sorted[i];)
            {
                end++;
            }

            Span<int> equal = places[i..end];
            equal.Sort();
            equal.Reverse();
        }
    }

    /// <summary>Finds an element in its bucket by halving.</summary>
    private static int RankIn(ulong[] sorted, int[] places, int first, int end, ulong key, int element)
    {
        while (first < end)
        {
            int middle = first + ((end - first) / 2);
            if (sorted[middle] < key || (sorted[middle] == key && places[middle] > element))
            {
                first = middle + 1;
            }
            else
            {
                end = middle;
            }
        }

        return first;
    }

    /// <summary>How many of the row rank below an element.</summary>
    private static int Rank(ReadOnlySpan<ulong> keys, int element)
    {
        ulong key = keys[element];
        int rank = 0;
        for (int i = 0; i <= element; i++)
        {
            rank += keys[i] < key ? 1 : 0;
        }

        for (int i = element + 1; i < keys.Length; i++)
        {
            rank += keys[i] <= key ? 1 : 0;
        }

        return rank;
    }
}
