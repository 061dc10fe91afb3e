using System.Numerics;
using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>
/// Keeps each element with a probability that rises linearly with the rank of its magnitude in its row, from density - epsilon to density + epsilon (DELLA's MAGPRUNE, Deep et al.,
/// arXiv:2406.11617). Of equal magnitudes the one with the lower index ranks higher.
/// </summary>
/// <remarks>
/// Ranks are exact, but few are needed: magnitudes are coded in a byte, and the ranks that a code spans decide for nearly all that have it.
/// </remarks>
internal sealed class RankedRandomSparsifier(double[] densities, double[] epsilons, ulong[] streams, long row) : ISparsifier
{
    /// <summary>Where more elements of one code are to be ranked, all that have it are sorted.</summary>
    private const int Many = 256;

    /// <summary>More than this part of a row is too many for the lowest code, and no more than that is few enough to share the largest.</summary>
    private const int Crowd = 8, Handful = 64;

    /// <summary>The bits of the fraction of a single and of a double.</summary>
    private const int SingleFraction = 23, DoubleFraction = 52;

    /// <summary>What the measuring pass decided; null where there was none, or it is forgotten.</summary>
    private KeptRows? _kept;

    public long Unit => row;

    public bool Spares(int source) => densities[source] >= 1;

    public ISparsifier Prepared(TensorPasses passes, bool measured) =>
        new RankedRandomSparsifier(densities, epsilons, streams, row) { _kept = measured ? KeptRows.For(densities.Length, row, passes.ElementCount) : null };

    public void Release() => _kept = null;

    public void Keep<T>(long start, int source, ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, Span<double> changes)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        KeptRows? kept = _kept;
        // What a pass has decided needs no room.
        using RankRoom room = kept is null ? new((int)Math.Min(row, changes.Length)) : default;
        for (int first = 0; first < changes.Length; first += (int)row)
        {
            int length = (int)Math.Min(row, changes.Length - first);
            ReadOnlySpan<T> from = origin.Slice(first, length), to = tuned.Slice(first, length);
            Span<ulong> bits = kept is null ? room.Bits : kept.Of(source, start + first);
            if (kept is null)
            {
                Choose(start + first, source, from, to, room, bits);
            }

            MaskKernel.Kept(from, to, bits, changes.Slice(first, length));
        }
    }

    public (double All, double Kept) Masses<T>(long start, int source, ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        KeptRows? kept = _kept;
        using RankRoom room = new((int)Math.Min(row, tuned.Length));
        (double all, double left) = (0, 0);
        for (int first = 0; first < tuned.Length; first += (int)row)
        {
            int length = (int)Math.Min(row, tuned.Length - first);
            ReadOnlySpan<T> from = origin.Slice(first, length), to = tuned.Slice(first, length);
            Span<ulong> bits = kept is null ? room.Bits : kept.Of(source, start + first);
            bool singles = Choose(start + first, source, from, to, room, bits);
            (double allOfRow, double keptOfRow) = singles ? MaskKernel.Masses(MemoryMarshal.Cast<int, float>(room.Keys[..RankKernel.Padded(length)]), bits) : MaskKernel.Masses(from, to, bits);
            all += allOfRow;
            left += keptOfRow;
        }

        return (all, left);
    }

    /// <summary>Chooses what is kept of a row.</summary>
    /// <returns>Whether the room has the magnitudes of all changes as exact singles.</returns>
    private bool Choose<T>(long start, int source, ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, in RankRoom room, Span<ulong> bits)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Chances chances = new(densities[source], epsilons[source], tuned.Length, streams[source]);
        Span<int> singles = room.Keys[..RankKernel.Padded(tuned.Length)];
        if (typeof(T) == typeof(float) && RankKernel.TryKeys(MemoryMarshal.Cast<T, float>(origin), MemoryMarshal.Cast<T, float>(tuned), singles))
        {
            Choose<int>(start, singles, SingleFraction, chances, room, bits);
            return true;
        }

        using Rented<ulong> doubles = new(singles.Length);
        KeyKernel.Changes(origin, tuned, doubles.Span[..tuned.Length]);
        doubles.Span[tuned.Length..].Clear();
        Choose<long>(start, MemoryMarshal.Cast<ulong, long>(doubles.Span), DoubleFraction, chances, room, bits);
        return false;
    }

    /// <summary>Chooses by keys, the bits of magnitudes, and zeros after them to whole vectors.</summary>
    private static void Choose<TKey>(long start, ReadOnlySpan<TKey> keys, int fraction, in Chances chances, in RankRoom room, Span<ulong> bits)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        Span<byte> codes = room.Codes[..keys.Length];
        Span<int> counts = room.Counts, ranks = room.Ranks;
        Code(keys, fraction, chances.Length, codes, room);

        // Numbers come in pairs of indices.
        int odd = (int)(start & 1);
        Span<byte> numbers = room.Numbers[..(keys.Length + CacheLine.Bytes)];
        MaskKernel.UpperBytes(chances.Stream, start - odd, numbers);
        RankKernel.Bounds(ranks, counts, chances.Lowest, chances.Rise, room.Below, room.Above);
        Span<int> open = room.Open[..RankKernel.Draw(codes, numbers[odd..], room.Below, room.Above, bits, room.Open)];
        int left = 0;
        foreach (int element in open)
        {
            byte code = codes[element];
            double number = CounterRandom.Uniform(chances.Stream, start + element);
            // What is zero anyway needs no decision.
            if (code != 0 && number < chances.At(ranks[code] + counts[code] - 1))
            {
                bool kept = number < chances.At(ranks[code]);
                bits[element / 64] |= (kept ? 1UL : 0) << element;
                open[left] = element;
                left += kept ? 0 : 1;
            }
        }

        Rank(start, keys, codes, open[..left], chances, room, bits);
    }

    /// <summary>Codes a row's keys, and counts the codes. Where much of a row is far below its largest keys, and these are few, they share a code.</summary>
    private static void Code<TKey>(ReadOnlySpan<TKey> keys, int fraction, int length, Span<byte> codes, in RankRoom room)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        Span<int> counts = room.Counts;
        CodeScale scale;
        int top;
        TKey limit = TKey.CreateSaturating(long.MaxValue);
        do
        {
            scale = new CodeScale(long.CreateTruncating(RankKernel.Largest(keys, limit)), fraction);
            RankKernel.Codes(keys, scale, codes, room.More);
            RankKernel.Count(codes, keys.Length - length, counts, room.Ranks);
            top = CodeScale.Codes - 1;
            for (int above = counts[top]; top > CodeScale.Lowest && above <= length / Handful; above += counts[top])
            {
                top--;
            }

            limit = TKey.CreateTruncating(scale.Start(top + 1));
        }
        while (counts[CodeScale.Lowest] > length / Crowd && scale.Before > 0 && top < CodeScale.Codes - 1);
    }

    /// <summary>
    /// Decides for elements by their ranks. Of all that have a code, those whose key is no more than the code rank lowest, the later the lower; others are ranked among each other.
    /// </summary>
    private static void Rank<TKey>(long start, ReadOnlySpan<TKey> keys, ReadOnlySpan<byte> codes, ReadOnlySpan<int> open, in Chances chances, in RankRoom room, Span<ulong> bits)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        // Chains of those that have a code, descending: 0 ends one, other numbers are one more than a place.
        Span<int> heads = room.Heads, next = room.Next, others = room.Others, after = room.After;
        Span<ulong> equal = room.Equal;
        heads.Clear();
        for (int k = 0; k < open.Length; k++)
        {
            ref int head = ref heads[codes[open[k]]];
            (next[k], head) = (head, k + 1);
        }

        foreach (int first in open)
        {
            byte code = codes[first];
            int k = heads[code];
            if (k == 0)
            {
                continue;
            }

            heads[code] = 0;
            int least = room.Ranks[code], exact = RankKernel.Later(codes, room.More, code, equal, after), left = 0;
            for (; k != 0; k = next[k - 1])
            {
                int element = open[k - 1], word = element / 64;
                ulong same = equal[word] >> element;
                if ((same & 1) == 0)
                {
                    others[left++] = element;
                    continue;
                }

                Decide(start, element, least + after[word] + BitOperations.PopCount(same >> 1), chances, bits);
            }

            if (left > 0)
            {
                RankOthers(start, keys, codes, code, least + exact, others[..left], chances, room, bits);
            }
        }
    }

    /// <summary>Decides for elements, descending, whose keys are more than their code.</summary>
    private static void RankOthers<TKey>(long start, ReadOnlySpan<TKey> keys, ReadOnlySpan<byte> codes, byte code, int least, ReadOnlySpan<int> others, in Chances chances, in RankRoom room, Span<ulong> bits)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        ReadOnlySpan<int> members = room.Members[..RankKernel.Members(codes, room.More, code, room.Members)];
        Span<TKey> own = room.MemberKeys<TKey>()[..RankKernel.Padded(members.Length)];
        for (int m = 0; m < members.Length; m++)
        {
            own[m] = keys[members[m]];
        }

        own[members.Length..].Clear();
        ReadOnlySpan<int> sorted = others.Length > Many ? SortedRanks<TKey>(own[..members.Length]) : [];
        int padding = own.Length - members.Length, at = members.Length;
        foreach (int element in others)
        {
            while (members[--at] != element)
            {
            }

            Decide(start, element, least + (sorted.IsEmpty ? RankKernel.Below<TKey>(own, at) - padding : sorted[at]), chances, bits);
        }
    }

    private static void Decide(long start, int element, int rank, in Chances chances, Span<ulong> bits) =>
        bits[element / 64] |= (CounterRandom.Uniform(chances.Stream, start + element) < chances.At(rank) ? 1UL : 0) << element;

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

        public double Rise { get; } = length == 1 ? 0 : 2 * epsilon / (length - 1);

        public double Lowest { get; } = length == 1 ? density : density - epsilon;

        /// <summary>The probability of a rank.</summary>
        public double At(int rank) => Lowest + (Rise * rank);
    }
}
