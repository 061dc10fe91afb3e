using System.Numerics;
using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>
/// Keeps each element with a probability that rises linearly with the rank of its magnitude in its row, from density - epsilon to density + epsilon (DELLA's MAGPRUNE, Deep et al.,
/// arXiv:2406.11617). Equal magnitudes share the mean of their ranks: which comes first in a row does not count.
/// </summary>
/// <remarks>
/// Ranks are exact, but few are needed: magnitudes are coded in a byte, and the ranks that a code spans decide for nearly all that have it.
/// </remarks>
internal sealed class RankedRandomSparsifier(double[] densities, double[] epsilons, ulong[] streams, long row) : ISparsifier
{
    /// <summary>Where more elements of one code are to be ranked, all keys that have it are sorted.</summary>
    private const int Many = 256;

    /// <summary>More than this part of a row is too many for the lowest code, and no more than that is few enough to share the largest.</summary>
    private const int Crowd = 8, Handful = 64;

    /// <summary>The bits of the fraction of a single and of a double.</summary>
    private const int SingleFraction = 23, DoubleFraction = 52;

    /// <summary>What the measuring pass decided; null where there was none.</summary>
    private KeptRows? _kept;

    public long Unit => row;

    public bool Spares(int source) => densities[source] >= 1;

    public ISparsifier Prepared(TensorPasses passes, bool measured) =>
        new RankedRandomSparsifier(densities, epsilons, streams, row) { _kept = measured ? new KeptRows(passes.Chunks, densities.Length, row, passes.ElementCount) : null };

    public void Release() => Interlocked.Exchange(ref _kept, null)?.Leave();

    public void Keep<T>(long start, int source, ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, Span<ulong> bits)
        where T : unmanaged
    {
        KeptRows? kept = _kept;
        kept = kept?.TryEnter() == true ? kept : null;
        try
        {
            Keep(start, source, origin, tuned, kept, bits);
        }
        finally
        {
            kept?.Leave();
        }
    }

    public (double All, double Kept) Masses<T>(long start, int source, ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned)
        where T : unmanaged
    {
        KeptRows? kept = _kept;
        using RankRoom room = new((int)Math.Min(row, tuned.Length));
        (double all, double left) = (0, 0);
        for (int first = 0; first < tuned.Length; first += (int)row)
        {
            int length = (int)Math.Min(row, tuned.Length - first);
            ReadOnlySpan<T> from = origin.Slice(first, length), to = tuned.Slice(first, length);
            Span<ulong> bits = kept?.Has(start + first) == true ? kept.Of(source, start + first) : room.Bits;
            bool singles = Choose(start + first, source, from, to, room, bits);
            (double allOfRow, double keptOfRow) = singles ? MaskKernel.Masses(MemoryMarshal.Cast<int, float>(room.Keys[..RankKernel.Padded(length)]), bits) : MaskKernel.Masses(from, to, bits);
            all += allOfRow;
            left += keptOfRow;
        }

        return (all, left);
    }

    private void Keep<T>(long start, int source, ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, KeptRows? kept, Span<ulong> bits)
        where T : unmanaged
    {
        // What a pass has decided needs no room; a block's last row is remembered only if all before it are.
        using RankRoom room = kept?.Has(start + tuned.Length - 1) == true ? default : new((int)Math.Min(row, tuned.Length));
        for (int first = 0; first < tuned.Length; first += (int)row)
        {
            int length = (int)Math.Min(row, tuned.Length - first);
            bool known = kept?.Has(start + first) == true;
            if (!known)
            {
                Choose(start + first, source, origin.Slice(first, length), tuned.Slice(first, length), room, room.Bits);
            }

            Bits.Copy(known ? kept!.Of(source, start + first) : room.Bits, 0, bits, first, length);
        }
    }

    /// <summary>Chooses what is kept of a row.</summary>
    /// <returns>Whether the room has the magnitudes of all changes as exact singles.</returns>
    private bool Choose<T>(long start, int source, ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, in RankRoom room, Span<ulong> bits)
        where T : unmanaged
    {
        Chances chances = new(densities[source], epsilons[source], tuned.Length, streams[source]);
        Span<int> singles = room.Keys[..RankKernel.Padded(tuned.Length)];
        if (KeyKernel.TryChanges(origin, tuned, singles, out int largest))
        {
            Choose<int>(start, singles, largest, SingleFraction, chances, room, bits);
            return true;
        }

        using Rented<ulong> doubles = new(singles.Length);
        KeyKernel.Changes(origin, tuned, doubles.Span[..tuned.Length]);
        doubles.Span[tuned.Length..].Clear();
        Span<long> keys = MemoryMarshal.Cast<ulong, long>(doubles.Span);
        Choose<long>(start, keys, KeyKernel.Largest<long>(keys, long.MaxValue), DoubleFraction, chances, room, bits);
        return false;
    }

    /// <summary>Chooses by keys, the bits of magnitudes, and zeros after them to whole vectors.</summary>
    private static void Choose<TKey>(long start, ReadOnlySpan<TKey> keys, TKey largest, int fraction, in Chances chances, in RankRoom room, Span<ulong> bits)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        Span<byte> codes = room.Codes[..keys.Length];
        Span<int> counts = room.Counts, ranks = room.Ranks;
        Code(keys, largest, fraction, chances.Length, codes, room);

        int before = (int)(start % RandomKernel.Together);
        Span<byte> numbers = room.Numbers[..(keys.Length + CacheLine.Bytes)];
        RandomKernel.FirstBytes(chances.Stream, start - before, numbers);
        RankKernel.Bounds(ranks, counts, chances.Lowest, chances.Rise, room.Below, room.Above);
        Span<int> open = room.Open[..RankKernel.Draw(codes, numbers[before..], room.Below, room.Above, bits, room.Open)];
        int left = 0;
        foreach (int element in open)
        {
            byte code = codes[element];
            double number = CounterRandom.Uniform(chances.Stream, start + element), aside = (counts[code] - 1) / 2.0, mean = ranks[code] + aside, shared = CodeScale.IsShared(code) ? aside : 0;
            // What is zero anyway needs no decision.
            if (code != 0 && number < chances.At(mean + shared))
            {
                bool kept = number < chances.At(mean - shared);
                bits[element / 64] |= (kept ? 1UL : 0) << element;
                open[left] = element;
                left += kept ? 0 : 1;
            }
        }

        Rank(start, keys, codes, open[..left], chances, room, bits);
    }

    /// <summary>Codes a row's keys, and counts the codes. Where much of a row is far below its largest keys, and these are few, they share a code.</summary>
    private static void Code<TKey>(ReadOnlySpan<TKey> keys, TKey largest, int fraction, int length, Span<byte> codes, in RankRoom room)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        Span<int> counts = room.Counts;
        for (; ; )
        {
            CodeScale scale = new(long.CreateTruncating(largest), fraction);
            RankKernel.Codes(keys, scale, codes);
            RankKernel.Count(codes, keys.Length - length, counts, room.Ranks);
            int top = CodeScale.Codes - 1;
            for (int above = counts[top]; top > CodeScale.Lowest && above <= length / Handful; above += counts[top])
            {
                top--;
            }

            // The two largest codes are the largest key's.
            if (counts[CodeScale.Lowest] <= length / Crowd || scale.Before == 0 || top >= CodeScale.Codes - 2)
            {
                return;
            }

            largest = KeyKernel.Largest(keys, TKey.CreateTruncating(scale.Start(top + 1)));
        }
    }

    /// <summary>Decides for elements by their ranks among the keys that have their code.</summary>
    private static void Rank<TKey>(long start, ReadOnlySpan<TKey> keys, ReadOnlySpan<byte> codes, Span<int> open, in Chances chances, in RankRoom room, Span<ulong> bits)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        while (!open.IsEmpty)
        {
            byte code = codes[open[0]];
            ReadOnlySpan<int> members = room.Members[..RankKernel.Members(codes, code, room.Members)];
            Span<TKey> own = room.MemberKeys<TKey>()[..RankKernel.Padded(members.Length)];
            for (int m = 0; m < members.Length; m++)
            {
                own[m] = keys[members[m]];
            }

            // No key of a code is below zero or zero.
            own[members.Length..].Clear();
            int before = room.Ranks[code] - (own.Length - members.Length), left = 0;
            int wanted = 0;
            foreach (int element in open)
            {
                wanted += codes[element] == code ? 1 : 0;
            }

            if (wanted > Many)
            {
                own.Sort();
            }

            foreach (int element in open)
            {
                if (codes[element] != code)
                {
                    open[left++] = element;
                    continue;
                }

                TKey key = keys[element];
                (int smaller, int noLarger) = wanted > Many ? (Bound<TKey>.Smaller(own, key), Bound<TKey>.NoLarger(own, key)) : RankKernel.Compare<TKey>(own, key);
                bool kept = CounterRandom.Uniform(chances.Stream, start + element) < chances.At(before + ((smaller + noLarger - 1) / 2.0));
                bits[element / 64] |= (kept ? 1UL : 0) << element;
            }

            open = open[..left];
        }
    }

    /// <summary>Equal to no key, so that a search ends between those that are smaller, or no larger, and the others.</summary>
    private readonly struct Bound<TKey>(TKey key, bool above) : IComparable<TKey>
        where TKey : IBinaryInteger<TKey>
    {
        public static int Smaller(ReadOnlySpan<TKey> sorted, TKey key) => ~sorted.BinarySearch(new Bound<TKey>(key, above: false));

        public static int NoLarger(ReadOnlySpan<TKey> sorted, TKey key) => ~sorted.BinarySearch(new Bound<TKey>(key, above: true));

        public int CompareTo(TKey? other) => other! < key || (above && other == key) ? 1 : -1;
    }

    /// <summary>The probabilities of a row: <c>density - epsilon + 2 epsilon rank / (length - 1)</c>, and density itself in a row of one.</summary>
    private readonly struct Chances(double density, double epsilon, int length, ulong stream)
    {
        public int Length => length;

        public ulong Stream => stream;

        public double Rise { get; } = length == 1 ? 0 : 2 * epsilon / (length - 1);

        public double Lowest { get; } = length == 1 ? density : density - epsilon;

        /// <summary>The probability of a rank, or of a mean of ranks.</summary>
        public double At(double rank) => Lowest + (Rise * rank);
    }
}
