using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSwap.Numerics;

/// <summary>
/// How a row's keys are coded in a byte, by exponent and leading bits, so that no code falls where keys rise: 0 for keys that are zero, and then sixteen pairs of codes for each octave up to
/// the largest. The even code of a pair is for one key, the odd one for those between it and the next pair's. What is smaller than all of these shares code 1, and what is larger than the
/// largest code 255.
/// </summary>
/// <remarks>Changes of numbers of few bits are themselves of few bits: nearly all have a code with none but their equals.</remarks>
internal readonly record struct CodeScale
{
    /// <summary>How many codes there are.</summary>
    public const int Codes = 256;

    /// <summary>The code of the smallest keys that are not zero.</summary>
    public const byte Lowest = 1;

    private const int OctaveBits = 4;

    /// <param name="largest">The key that one of the two largest codes is for.</param>
    /// <param name="fraction">The bits of a key's fraction: 23 or 52.</param>
    public CodeScale(long largest, int fraction)
    {
        Shift = fraction - OctaveBits;
        Before = Math.Max((Steps(largest) - (Codes - 2)) & ~1, 0);
    }

    /// <summary>How many bits of a key lie below those that have pairs of codes.</summary>
    public int Shift { get; }

    /// <summary>What steps are above codes; even.</summary>
    public int Before { get; }

    /// <summary>Whether keys that differ may have a code.</summary>
    public static bool IsShared(byte code) => (code & 1) != 0;

    /// <summary>The smallest key that has a code; code 1 has all smaller ones too.</summary>
    public long Start(int code) => ((long)((Before + code) / 2) << Shift) + (code & 1);

    /// <summary>The scalar definition.</summary>
    public byte Of(long key) => key == 0 ? (byte)0 : (byte)Math.Clamp(Steps(key) - Before, Lowest, byte.MaxValue);

    /// <summary>Twice the upper bits, and one more where others are set.</summary>
    private int Steps(long key) => (int)((key >>> Shift) + ((key + ((1L << Shift) - 1)) >>> Shift));
}

/// <summary>Ranks within a row, equal keys sharing the mean of theirs, as far as random numbers ask for them. Keys are the bits of magnitudes: of singles or of doubles.</summary>
internal static class RankKernel
{
    private const int Lanes = 16, Bytes = 64;

    /// <summary>The length of arrays for a row: whole vectors of bytes.</summary>
    public static int Padded(int length) => checked((length + Bytes - 1) / Bytes * Bytes);

    /// <summary>The code of each key.</summary>
    /// <param name="keys">Whole vectors of bytes long.</param>
    /// <param name="scale">The row's.</param>
    /// <param name="codes">Receives one for each key.</param>
    public static void Codes<TKey>(ReadOnlySpan<TKey> keys, CodeScale scale, Span<byte> codes)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        if (typeof(TKey) == typeof(int))
        {
            Codes(MemoryMarshal.Cast<TKey, int>(keys), scale, codes);
            return;
        }

        for (int i = 0; i < keys.Length; i++)
        {
            codes[i] = scale.Of(long.CreateTruncating(keys[i]));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Codes(ReadOnlySpan<int> keys, CodeScale scale, Span<byte> codes)
    {
        ref int key = ref MemoryMarshal.GetReference(keys);
        ref byte to = ref MemoryMarshal.GetReference(codes);
        int shift = scale.Shift;
        Vector512<int> before = Vector512.Create(scale.Before), others = Vector512.Create((1 << shift) - 1), least = Vector512.Create((int)CodeScale.Lowest);
        for (int i = 0; i < keys.Length; i += Bytes)
        {
            Vector512<ushort> lower = Vector512.NarrowWithSaturation(Sixteen(ref key, i), Sixteen(ref key, i + Lanes));
            Vector512<ushort> upper = Vector512.NarrowWithSaturation(Sixteen(ref key, i + (2 * Lanes)), Sixteen(ref key, i + (3 * Lanes)));
            Vector512.NarrowWithSaturation(lower, upper).StoreUnsafe(ref to, (nuint)i);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        Vector512<uint> Sixteen(ref int key, int i)
        {
            Vector512<int> k = Vector512.LoadUnsafe(ref key, (nuint)i);
            return Vector512.Max((k >> shift) + ((k + others) >> shift) - before, Vector512.Min(k, least)).AsUInt32();
        }
    }

    /// <summary>How many have each code, and the lowest rank of each.</summary>
    /// <param name="codes">Whole vectors.</param>
    /// <param name="padding">How many of them, zeros, are none of the row's.</param>
    /// <param name="counts">Receives the numbers.</param>
    /// <param name="ranks">Receives the ranks.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe void Count(ReadOnlySpan<byte> codes, int padding, Span<int> counts, Span<int> ranks)
    {
        // Equal codes follow each other: with one table each would wait for the one before.
        const int Tables = 4;
        int* tables = stackalloc int[Tables * CodeScale.Codes];
        int* first = tables, second = first + CodeScale.Codes, third = second + CodeScale.Codes, fourth = third + CodeScale.Codes;
        fixed (byte* code = codes)
        {
            for (byte* at = code, end = code + codes.Length; at < end; at += 8)
            {
                first[at[0]]++;
                second[at[1]]++;
                third[at[2]]++;
                fourth[at[3]]++;
                first[at[4]]++;
                second[at[5]]++;
                third[at[6]]++;
                fourth[at[7]]++;
            }
        }

        ref int count = ref MemoryMarshal.GetReference(counts[..CodeScale.Codes]), rank = ref MemoryMarshal.GetReference(ranks[..CodeScale.Codes]);
        first[0] -= padding;
        Vector512<int> before = default, last = Vector512.Create(Lanes - 1);
        for (int i = 0; i < CodeScale.Codes; i += Lanes)
        {
            Vector512<int> own = Vector512.Load(first + i) + Vector512.Load(second + i) + Vector512.Load(third + i) + Vector512.Load(fourth + i), upTo = own;
            upTo += Vector512.Shuffle(upTo, Vector512.Create(-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14));
            upTo += Vector512.Shuffle(upTo, Vector512.Create(-1, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13));
            upTo += Vector512.Shuffle(upTo, Vector512.Create(-1, -1, -1, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
            upTo += Vector512.Shuffle(upTo, Vector512.Create(-1, -1, -1, -1, -1, -1, -1, -1, 0, 1, 2, 3, 4, 5, 6, 7));
            own.StoreUnsafe(ref count, (nuint)i);
            (before + upTo - own).StoreUnsafe(ref rank, (nuint)i);
            before += Vector512.ShuffleNative(upTo, last);
        }
    }

    /// <summary>
    /// What decides for all elements of one code: those whose random number begins with a byte below the first bound are kept, those where it is above the second are not. Zeros need
    /// no decision.
    /// </summary>
    /// <param name="ranks">The lowest rank of each code.</param>
    /// <param name="counts">How many have each.</param>
    /// <param name="lowest">The probability of rank 0.</param>
    /// <param name="rise">By how much it rises with each rank; 0 or more. All probabilities lie from 0 to 1.</param>
    /// <param name="below">Receives the first bound.</param>
    /// <param name="above">Receives the second.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Bounds(ReadOnlySpan<int> ranks, ReadOnlySpan<int> counts, double lowest, double rise, Span<byte> below, Span<byte> above)
    {
        // Ranks and probabilities are rounded here, by far less than this.
        const float Scale = 256, Margin = 1f / 1024;
        Vector512<float> from = Vector512.Create((float)lowest * Scale), by = Vector512.Create((float)rise * Scale), margin = Vector512.Create(Margin), half = Vector512.Create(0.5f);
        Vector512<float> shared = Vector512.ConvertToSingle(Vector512<int>.Indices & Vector512<int>.One);
        ref byte toBelow = ref MemoryMarshal.GetReference(below), toAbove = ref MemoryMarshal.GetReference(above);
        ref int rank = ref MemoryMarshal.GetReference(ranks), count = ref MemoryMarshal.GetReference(counts);
        for (int i = 0; i < CodeScale.Codes; i += Bytes)
        {
            (Vector512<uint> low0, Vector512<uint> high0) = Sixteen(ref rank, ref count, i);
            (Vector512<uint> low1, Vector512<uint> high1) = Sixteen(ref rank, ref count, i + Lanes);
            (Vector512<uint> low2, Vector512<uint> high2) = Sixteen(ref rank, ref count, i + (2 * Lanes));
            (Vector512<uint> low3, Vector512<uint> high3) = Sixteen(ref rank, ref count, i + (3 * Lanes));
            Vector512.NarrowWithSaturation(Vector512.NarrowWithSaturation(low0, low1), Vector512.NarrowWithSaturation(low2, low3)).StoreUnsafe(ref toBelow, (nuint)i);
            Vector512.NarrowWithSaturation(Vector512.NarrowWithSaturation(high0, high1), Vector512.NarrowWithSaturation(high2, high3)).StoreUnsafe(ref toAbove, (nuint)i);
        }

        toBelow = toAbove = 0;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        (Vector512<uint> Below, Vector512<uint> Above) Sixteen(ref int rank, ref int count, int i)
        {
            // Those of a code that is not shared have the mean of their ranks, others one between the lowest and the highest.
            Vector512<float> aside = (Vector512.ConvertToSingle(Vector512.LoadUnsafe(ref count, (nuint)i)) - Vector512<float>.One) * half;
            Vector512<float> mean = ((Vector512.ConvertToSingle(Vector512.LoadUnsafe(ref rank, (nuint)i)) + aside) * by) + from, range = (aside * shared * by) + margin;
            return (Clamp(mean - range), Clamp(mean + range));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        Vector512<uint> Clamp(Vector512<float> bound) => Vector512.ConvertToInt32Native(Vector512.Max(bound, default)).AsUInt32();
    }

    /// <summary>Sets the bits of elements that are kept for sure, and lists those, not all of them different from zero, for which their code does not decide.</summary>
    /// <param name="codes">Whole vectors.</param>
    /// <param name="numbers">The first bytes of the random numbers.</param>
    /// <param name="below">Made by <see cref="Bounds"/>.</param>
    /// <param name="above">Made by <see cref="Bounds"/>.</param>
    /// <param name="bits">Receives a bit an element, the first in the lowest.</param>
    /// <param name="open">Receives the list; as long as there are codes.</param>
    /// <returns>How many are listed.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Draw(ReadOnlySpan<byte> codes, ReadOnlySpan<byte> numbers, ReadOnlySpan<byte> below, ReadOnlySpan<byte> above, Span<ulong> bits, Span<int> open)
    {
        ref byte code = ref MemoryMarshal.GetReference(codes), number = ref MemoryMarshal.GetReference(numbers);
        ref byte low = ref MemoryMarshal.GetReference(below), high = ref MemoryMarshal.GetReference(above);
        Vector512<byte> low0 = Vector512.LoadUnsafe(ref low), low1 = Vector512.LoadUnsafe(ref low, Bytes), low2 = Vector512.LoadUnsafe(ref low, 2 * Bytes), low3 = Vector512.LoadUnsafe(ref low, 3 * Bytes);
        Vector512<byte> high0 = Vector512.LoadUnsafe(ref high), high1 = Vector512.LoadUnsafe(ref high, Bytes), high2 = Vector512.LoadUnsafe(ref high, 2 * Bytes), high3 = Vector512.LoadUnsafe(ref high, 3 * Bytes);
        int count = 0;
        for (int i = 0; i < codes.Length; i += Bytes)
        {
            ulong sure = 0, doubtful = 0;
            if (Avx512Vbmi.IsSupported)
            {
                Vector512<byte> c = Vector512.LoadUnsafe(ref code, (nuint)i), n = Vector512.LoadUnsafe(ref number, (nuint)i), upper = Vector512.LessThan(c.AsSByte(), default).AsByte();
                Vector512<byte> first = Vector512.ConditionalSelect(upper, Avx512Vbmi.PermuteVar64x8x2(low2, c, low3), Avx512Vbmi.PermuteVar64x8x2(low0, c, low1));
                Vector512<byte> second = Vector512.ConditionalSelect(upper, Avx512Vbmi.PermuteVar64x8x2(high2, c, high3), Avx512Vbmi.PermuteVar64x8x2(high0, c, high1));
                sure = Vector512.LessThan(n, first).ExtractMostSignificantBits();
                doubtful = Vector512.LessThanOrEqual(n, second).ExtractMostSignificantBits();
            }
            else
            {
                for (int k = 0; k < Bytes; k++)
                {
                    byte c = Unsafe.Add(ref code, i + k), n = Unsafe.Add(ref number, i + k);
                    sure |= (n < Unsafe.Add(ref low, c) ? 1UL : 0) << k;
                    doubtful |= (n <= Unsafe.Add(ref high, c) ? 1UL : 0) << k;
                }
            }

            bits[i / Bytes] = sure;
            for (ulong left = doubtful & ~sure; left != 0; left &= left - 1)
            {
                open[count++] = i + BitOperations.TrailingZeroCount(left);
            }
        }

        return count;
    }

    /// <summary>The elements, ascending, that have a code; returns how many. The list is as long as there are codes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Members(ReadOnlySpan<byte> codes, byte code, Span<int> members)
    {
        ref byte from = ref MemoryMarshal.GetReference(codes);
        int count = 0;
        for (int i = 0; i < codes.Length; i += Bytes)
        {
            for (ulong left = Vector512.Equals(Vector512.LoadUnsafe(ref from, (nuint)i), Vector512.Create(code)).ExtractMostSignificantBits(); left != 0; left &= left - 1)
            {
                members[count++] = i + BitOperations.TrailingZeroCount(left);
            }
        }

        return count;
    }

    /// <summary>How many of whole vectors of keys are smaller than one, and how many are no larger.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (int Smaller, int NoLarger) Compare<TKey>(ReadOnlySpan<TKey> keys, TKey key)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        ref TKey from = ref MemoryMarshal.GetReference(keys);
        Vector512<TKey> bound = Vector512.Create(key);
        int smaller = 0, noLarger = 0;
        for (int i = 0; i < keys.Length; i += Vector512<TKey>.Count)
        {
            Vector512<TKey> k = Vector512.LoadUnsafe(ref from, (nuint)i);
            smaller += BitOperations.PopCount(Vector512.LessThan(k, bound).ExtractMostSignificantBits());
            noLarger += BitOperations.PopCount(Vector512.LessThanOrEqual(k, bound).ExtractMostSignificantBits());
        }

        return (smaller, noLarger);
    }
}
