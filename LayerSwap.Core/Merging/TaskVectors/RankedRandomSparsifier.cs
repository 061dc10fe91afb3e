namespace LayerSwap.Merging;

/// <summary>
/// Keeps each element with a probability that rises linearly with the rank of its magnitude in its row, from density - epsilon to density + epsilon (DELLA's MAGPRUNE, Deep et al.,
/// arXiv:2406.11617). Of equal magnitudes the one with the lower index ranks higher.
/// </summary>
internal sealed class RankedRandomSparsifier(double[] densities, double[] epsilons, ulong[] streams, long row) : ISparsifier
{
    private const int Buckets = 1 << 12, BucketShift = 64 - 1 - 12;

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
    /// falls between those is the rank itself counted.
    /// </summary>
    private void DropRow(long start, int source, Span<double> changes)
    {
        int length = changes.Length;
        double lowest = densities[source] - epsilons[source], rise = length > 1 ? 2 * epsilons[source] / (length - 1) : 0;
        ulong[] keys = System.Buffers.ArrayPool<ulong>.Shared.Rent(length);
        Span<int> below = stackalloc int[Buckets + 1];
        below.Clear();
        for (int i = 0; i < length; i++)
        {
            keys[i] = Cut.KeyOf(changes[i]);
            below[(int)(keys[i] >> BucketShift) + 1]++;
        }

        for (int b = 0; b < Buckets; b++)
        {
            below[b + 1] += below[b];
        }

        for (int i = 0; i < length; i++)
        {
            double random = CounterRandom.Uniform(streams[source], start + i);
            int bucket = (int)(keys[i] >> BucketShift);
            bool kept = length == 1 ? random < densities[source]
                : random < lowest + (rise * below[bucket]) || (random < lowest + (rise * (below[bucket + 1] - 1)) && random < lowest + (rise * Rank(keys.AsSpan(0, length), i)));
            changes[i] = kept ? changes[i] : 0;
        }

        System.Buffers.ArrayPool<ulong>.Shared.Return(keys);
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
