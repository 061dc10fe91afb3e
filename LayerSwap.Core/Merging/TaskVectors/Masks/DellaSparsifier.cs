using System.Numerics;
using LayerSwap.Buffers;

namespace LayerSwap.Merging;

/// <summary>
/// Keeps each element with a probability that rises linearly with the rank of its magnitude in its row, from density - epsilon to density +
/// epsilon (MAGPRUNE of DELLA, arXiv:2406.11617, section 3.1). Equal magnitudes share the mean of their ranks.
/// </summary>
/// <remarks>
/// Masks are exact, but few ranks are computed: keys are counted in <see cref="MagnitudeBins"/>, and the lowest and highest rank of a bin
/// decide nearly all of its elements.
/// </remarks>
internal sealed class DellaSparsifier(double[] densities, double[] epsilons, ulong[] streams, long row) : ISparsifier
{
    /// <summary>The number of undecided elements of a row above which the row is sorted.</summary>
    private const int Many = 256;

    /// <summary>The numbers of fraction bits of float32 and float64.</summary>
    private const int Float32Fraction = 23, Float64Fraction = 52;

    /// <summary>The memory for each element of a row, in bytes: keys, a sorted copy, bins, random bytes, indices, mask.</summary>
    public const int BytesPerElement = (2 * sizeof(ulong)) + (2 * sizeof(int)) + 2 + 1;

    public long RowLength => row;

    public bool KeepsAll(int source) => densities[source] >= 1;

    public ISparsifier Prepare(TensorPasses passes) => this;

    public void ComputeMask<T>(in OperandBlock<T> block, int source, Span<ulong> mask)
        where T : unmanaged
    {
        using RowBuffers buffers = new((int)Math.Min(row, block.Length));
        for (int first = 0, length; first < block.Length; first += length)
        {
            length = (int)Math.Min(row, block.Length - first);
            Probabilities chances = new(densities[source], epsilons[source], length, streams[source], block.Start + first);
            ReadOnlySpan<T> from = block.Base.Slice(first, length), to = block[source].Slice(first, length);
            Span<int> keys = buffers.Keys.Span[..MagnitudeBins.Padded(length)];
            if (KeyKernel.TryComputeDeltaKeys(from, to, keys, out int largest))
            {
                Choose<int>(keys, largest, Float32Fraction, chances, buffers);
            }
            else
            {
                using PooledBuffer<ulong> wide = new(keys.Length);
                KeyKernel.ComputeDeltaKeys(from, to, wide.Span[..length]);
                wide.Span[length..].Clear();
                ulong most = 0;
                foreach (ulong key in wide.Span)
                {
                    most = Math.Max(most, key);
                }

                Choose<ulong>(wide.Span, (long)most, Float64Fraction, chances, buffers);
            }

            BitMask.Copy(buffers.Mask.Span, 0, mask, first, length);
        }
    }

    /// <summary>Computes the mask of a row.</summary>
    /// <param name="keys">The bits of the magnitudes, padded with zeros.</param>
    /// <param name="largest">The largest key.</param>
    /// <param name="fraction">The bits of a key's fraction.</param>
    /// <param name="chances">The row's probabilities.</param>
    /// <param name="buffers">Receives the mask.</param>
    private static void Choose<TKey>(ReadOnlySpan<TKey> keys, long largest, int fraction, in Probabilities chances, in RowBuffers buffers)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        Span<byte> bins = buffers.Bins.Span[..keys.Length];
        Span<int> counts = stackalloc int[MagnitudeBins.Count], ranks = stackalloc int[MagnitudeBins.Count];
        Span<ushort> limits = stackalloc ushort[MagnitudeBins.Count];
        new MagnitudeBins(largest, fraction).Assign(keys, bins);
        MagnitudeBins.CountEach(bins, keys.Length - chances.Length, counts);
        for (int bin = 0, rank = 0; bin < MagnitudeBins.Count; rank += counts[bin], bin++)
        {
            if (counts[bin] == 0)
            {
                continue;
            }

            ranks[bin] = rank;
            (double lowest, double highest) = chances.Of(bin, rank, counts[bin]);
            limits[bin] = (ushort)(CounterRandom.ComputeFirstByte(lowest) | (CounterRandom.ComputeFirstByte(highest) << 8));
        }

        int before = (int)(chances.Start % RandomKernel.BatchLength);
        Span<byte> randoms = buffers.Randoms.Span[..(keys.Length + RowBuffers.MoreRandoms)];
        RandomKernel.ComputeFirstBytes(chances.Stream, chances.Start - before, randoms);
        Span<ulong> mask = buffers.Mask.Span;
        Span<int> open = buffers.Open.Span;
        open = open[..MagnitudeBins.Draw(bins, randoms[before..], limits, mask, open)];

        // Compare the whole random number with the limits of the bin.
        int remaining = 0;
        foreach (int element in open)
        {
            byte bin = bins[element];
            double random = CounterRandom.ComputeUniform(chances.Stream, chances.Start + element);
            (double lowest, double highest) = chances.Of(bin, ranks[bin], counts[bin]);
            if (bin != 0 && random < highest)
            {
                bool kept = random < lowest;
                mask[element / 64] |= (kept ? 1UL : 0) << element;
                open[remaining] = element;
                remaining += kept ? 0 : 1;
            }
        }

        ChooseByRank(keys, bins, ranks, open[..remaining], chances, mask);
    }

    /// <summary>Decides elements by the exact rank of their key.</summary>
    private static void ChooseByRank<TKey>(
        ReadOnlySpan<TKey> keys,
        ReadOnlySpan<byte> bins,
        ReadOnlySpan<int> ranks,
        ReadOnlySpan<int> open,
        in Probabilities chances,
        Span<ulong> mask)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        using PooledBuffer<TKey> sorted = new(open.Length > Many ? chances.Length : 0);
        keys[..sorted.Span.Length].CopyTo(sorted.Span);
        sorted.Span.Sort();
        foreach (int element in open)
        {
            (int smaller, int equal) = (0, 0);
            if (open.Length > Many)
            {
                smaller = ~sorted.Span.BinarySearch(new Neighbour<TKey>(keys[element], above: false));
                equal = ~sorted.Span.BinarySearch(new Neighbour<TKey>(keys[element], above: true)) - smaller;
            }
            else
            {
                (smaller, equal) = MagnitudeBins.Compare(keys, bins, bins[element], keys[element]);
                smaller += ranks[bins[element]];
            }

            double rank = smaller + ((equal - 1) / 2.0);
            bool kept = CounterRandom.ComputeUniform(chances.Stream, chances.Start + element) < chances.At(rank);
            mask[element / 64] |= (kept ? 1UL : 0) << element;
        }
    }

    /// <summary>A value just below or just above a key, so that a search ends before the first equal key or after the last.</summary>
    private readonly struct Neighbour<TKey>(TKey key, bool above) : IComparable<TKey>
        where TKey : IBinaryInteger<TKey>
    {
        public int CompareTo(TKey? other) => other! < key || (above && other == key) ? 1 : -1;
    }

    /// <summary>
    /// The probabilities of a row: <c>density - epsilon + 2 epsilon rank / (length - 1)</c>, and density in a row of one.
    /// </summary>
    private readonly struct Probabilities(double density, double epsilon, int length, ulong stream, long start)
    {
        private readonly double _slope = length == 1 ? 0 : 2 * epsilon / (length - 1), _lowest = length == 1 ? density : density - epsilon;

        public int Length => length;

        public ulong Stream => stream;

        /// <summary>The index of the first element.</summary>
        public long Start => start;

        public double At(double rank) => _lowest + (_slope * rank);

        /// <summary>Computes the lowest and the highest probability in a bin.</summary>
        /// <param name="bin">The bin.</param>
        /// <param name="rank">The number of keys in lower bins.</param>
        /// <param name="count">The number of keys in the bin.</param>
        public (double Lowest, double Highest) Of(int bin, int rank, int count)
        {
            double last = rank + Math.Max(count - 1, 0), mean = (rank + last) / 2;
            return MagnitudeBins.HasOneKey(bin) ? (At(mean), At(mean)) : (At(rank), At(last));
        }
    }

    /// <summary>Buffers for the rows of a block, one row at a time.</summary>
    private readonly ref struct RowBuffers : IDisposable
    {
        /// <summary>The number of random bytes before and after the row's.</summary>
        public const int MoreRandoms = 64;

        public RowBuffers(int length)
        {
            int padded = MagnitudeBins.Padded(length);
            Keys = new(padded);
            Open = new(padded);
            Bins = new(padded);
            Randoms = new(padded + MoreRandoms);
            Mask = new(BitMask.WordCount(padded));
        }

        public PooledBuffer<int> Keys { get; }

        public PooledBuffer<int> Open { get; }

        public PooledBuffer<byte> Bins { get; }

        public PooledBuffer<byte> Randoms { get; }

        public PooledBuffer<ulong> Mask { get; }

        public void Dispose()
        {
            Keys.Dispose();
            Open.Dispose();
            Bins.Dispose();
            Randoms.Dispose();
            Mask.Dispose();
        }
    }
}
