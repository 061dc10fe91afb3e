using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSwap.Numerics;

/// <summary>
/// How a row's keys are coded in a byte, by exponent and leading bits, so that no code falls where keys rise: 0 for keys that are zero, and then thirty-two codes for each octave up to the
/// largest. What is smaller than all of these shares code 1, and what is larger than the largest code 255.
/// </summary>
internal readonly record struct CodeScale
{
    /// <summary>How many codes there are.</summary>
    public const int Codes = 256;

    /// <summary>The code of the smallest keys that are not zero.</summary>
    public const byte Lowest = 1;

    private const int OctaveBits = 5;

    /// <param name="largest">The key that the largest code is for.</param>
    /// <param name="fraction">The bits of a key's fraction: 23 or 52.</param>
    public CodeScale(long largest, int fraction)
    {
        Shift = fraction - OctaveBits;
        Before = Math.Max((int)(largest >> Shift) - (Codes - 1), 0);
    }

    /// <summary>How many bits of a key do not count.</summary>
    public int Shift { get; }

    /// <summary>What the others of a key are above its code.</summary>
    public int Before { get; }

    /// <summary>The smallest key that has a code; code 1 has all smaller ones too.</summary>
    public long Start(int code) => (long)(Before + code) << Shift;

    /// <summary>The scalar definition.</summary>
    public byte Of(long key) => key == 0 ? (byte)0 : (byte)Math.Clamp((key >> Shift) - Before, Lowest, byte.MaxValue);
}

/// <summary>Ranks within a row, of equal keys the later lower, as far as random numbers ask for them. Keys are the bits of magnitudes: of singles or of doubles.</summary>
internal static class RankKernel
{
    private const int Lanes = 16, Bytes = 64;

    /// <summary>The length of arrays for a row: whole vectors of bytes.</summary>
    public static int Padded(int length) => checked((length + Bytes - 1) / Bytes * Bytes);

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

    /// <summary>The largest of those of whole vectors of keys that lie below a limit; zero where none does.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static TKey Largest<TKey>(ReadOnlySpan<TKey> keys, TKey limit)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        ref TKey key = ref MemoryMarshal.GetReference(keys);
        Vector512<TKey> largest = default, limits = Vector512.Create(limit);
        for (int i = 0; i < keys.Length; i += Vector512<TKey>.Count)
        {
            Vector512<TKey> k = Vector512.LoadUnsafe(ref key, (nuint)i);
            largest = Vector512.Max(largest, k & Vector512.LessThan(k, limits));
        }

        TKey found = TKey.Zero;
        for (int lane = 0; lane < Vector512<TKey>.Count; lane++)
        {
            found = TKey.Max(found, largest[lane]);
        }

        return found;
    }

    /// <summary>The code of each key, and whether a key is more than its code says.</summary>
    /// <param name="keys">Whole vectors of bytes long.</param>
    /// <param name="scale">The row's.</param>
    /// <param name="codes">Receives one for each key.</param>
    /// <param name="more">Receives a bit for each key: not set where it is the smallest that its code can have, which code 1, shared by all that is smaller, never says.</param>
    public static void Codes<TKey>(ReadOnlySpan<TKey> keys, CodeScale scale, Span<byte> codes, Span<ulong> more)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        if (typeof(TKey) == typeof(int))
        {
            Codes(MemoryMarshal.Cast<TKey, int>(keys), scale, codes, more);
            return;
        }

        for (int i = 0; i < keys.Length; i += Bytes)
        {
            ulong bits = 0;
            for (int k = i; k < i + Bytes; k++)
            {
                long key = long.CreateTruncating(keys[k]);
                codes[k] = scale.Of(key);
                bits |= (key == scale.Start(codes[k]) && codes[k] > CodeScale.Lowest ? 0UL : 1) << k;
            }

            more[i / Bytes] = bits;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Codes(ReadOnlySpan<int> keys, CodeScale scale, Span<byte> codes, Span<ulong> more)
    {
        ref int key = ref MemoryMarshal.GetReference(keys);
        ref byte to = ref MemoryMarshal.GetReference(codes);
        int shift = scale.Shift;
        Vector512<int> before = Vector512.Create(scale.Before), least = Vector512.Create((int)CodeScale.Lowest), most = Vector512.Create((int)byte.MaxValue);
        for (int i = 0; i < keys.Length; i += Bytes)
        {
            ulong bits = 0;
            Vector512<ushort> lower = Vector512.Narrow(Sixteen(ref key, i, 0, ref bits), Sixteen(ref key, i, Lanes, ref bits));
            Vector512<ushort> upper = Vector512.Narrow(Sixteen(ref key, i, 2 * Lanes, ref bits), Sixteen(ref key, i, 3 * Lanes, ref bits));
            Vector512.Narrow(lower, upper).StoreUnsafe(ref to, (nuint)i);
            more[i / Bytes] = bits;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        Vector512<uint> Sixteen(ref int key, int i, int at, ref ulong bits)
        {
            Vector512<int> k = Vector512.LoadUnsafe(ref key, (nuint)(i + at)), code = Vector512.Min(Vector512.Max((k >> shift) - before, least), most);
            Vector512<int> exact = Vector512.Equals((code + before) << shift, k) & Vector512.GreaterThan(code, least);
            bits |= (ulong)(ushort)~exact.ExtractMostSignificantBits() << at;
            return Vector512.AndNot(code, Vector512.Equals(k, default)).AsUInt32();
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
        foreach (ulong eight in MemoryMarshal.Cast<byte, ulong>(codes))
        {
            ulong left = eight;
            first[(byte)left]++;
            second[(byte)(left >> 8)]++;
            third[(byte)(left >> 16)]++;
            fourth[(byte)(left >> 24)]++;
            first[(byte)(left >> 32)]++;
            second[(byte)(left >> 40)]++;
            third[(byte)(left >> 48)]++;
            fourth[left >> 56]++;
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
        Vector512<float> from = Vector512.Create((float)lowest * Scale), by = Vector512.Create((float)rise * Scale), margin = Vector512.Create(Margin);
        Vector512<int> most = Vector512.Create((int)byte.MaxValue);
        ref byte toBelow = ref MemoryMarshal.GetReference(below), toAbove = ref MemoryMarshal.GetReference(above);
        ref int rank = ref MemoryMarshal.GetReference(ranks), count = ref MemoryMarshal.GetReference(counts);
        for (int i = 0; i < CodeScale.Codes; i += Bytes)
        {
            Vector512.Narrow(Vector512.Narrow(Below(ref rank, i), Below(ref rank, i + Lanes)), Vector512.Narrow(Below(ref rank, i + (2 * Lanes)), Below(ref rank, i + (3 * Lanes)))).StoreUnsafe(ref toBelow, (nuint)i);
            Vector512.Narrow(
                Vector512.Narrow(Above(ref rank, ref count, i), Above(ref rank, ref count, i + Lanes)),
                Vector512.Narrow(Above(ref rank, ref count, i + (2 * Lanes)), Above(ref rank, ref count, i + (3 * Lanes)))).StoreUnsafe(ref toAbove, (nuint)i);
        }

        toBelow = toAbove = 0;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        Vector512<uint> Below(ref int rank, int i) => Clamp((Vector512.ConvertToSingle(Vector512.LoadUnsafe(ref rank, (nuint)i)) * by) + from - margin);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        Vector512<uint> Above(ref int rank, ref int count, int i) =>
            Clamp((Vector512.ConvertToSingle(Vector512.LoadUnsafe(ref rank, (nuint)i) + Vector512.LoadUnsafe(ref count, (nuint)i) - Vector512<int>.One) * by) + from + margin);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        Vector512<uint> Clamp(Vector512<float> bound) => Vector512.Min(Vector512.ConvertToInt32Native(Vector512.Max(bound, default)), most).AsUInt32();
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

    /// <summary>Which elements have a code, and a key that is no more than it.</summary>
    /// <param name="codes">Whole vectors.</param>
    /// <param name="more">Made with them.</param>
    /// <param name="code">Not 0.</param>
    /// <param name="equal">Receives a bit an element, the first in the lowest.</param>
    /// <param name="after">Receives for each of these words how many are set in those after it.</param>
    /// <returns>How many are set.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Later(ReadOnlySpan<byte> codes, ReadOnlySpan<ulong> more, byte code, Span<ulong> equal, Span<int> after)
    {
        ref byte from = ref MemoryMarshal.GetReference(codes);
        Vector512<byte> wanted = Vector512.Create(code);
        int words = codes.Length / Bytes, count = 0;
        ref ulong not = ref MemoryMarshal.GetReference(more[..words]), same = ref MemoryMarshal.GetReference(equal[..words]);
        ref int later = ref MemoryMarshal.GetReference(after[..words]);
        for (int word = words - 1; word >= 0; word--)
        {
            ulong bits = Vector512.Equals(Vector512.LoadUnsafe(ref from, (nuint)(word * Bytes)), wanted).ExtractMostSignificantBits() & ~Unsafe.Add(ref not, word);
            Unsafe.Add(ref same, word) = bits;
            Unsafe.Add(ref later, word) = count;
            count += BitOperations.PopCount(bits);
        }

        return count;
    }

    /// <summary>The elements, ascending, of a code whose keys are more than it; returns how many. The list is as long as there are codes.</summary>
    /// <param name="codes">Whole vectors.</param>
    /// <param name="more">Made with them.</param>
    /// <param name="code">Not 0.</param>
    /// <param name="members">Receives the list.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Members(ReadOnlySpan<byte> codes, ReadOnlySpan<ulong> more, byte code, Span<int> members)
    {
        ref byte from = ref MemoryMarshal.GetReference(codes);
        int count = 0;
        for (int i = 0; i < codes.Length; i += Bytes)
        {
            for (ulong left = Vector512.Equals(Vector512.LoadUnsafe(ref from, (nuint)i), Vector512.Create(code)).ExtractMostSignificantBits() & more[i / Bytes]; left != 0; left &= left - 1)
            {
                members[count++] = i + BitOperations.TrailingZeroCount(left);
            }
        }

        return count;
    }

    /// <summary>How many keys rank below one that is not zero: smaller ones, and equal ones after it.</summary>
    /// <param name="keys">Whole vectors.</param>
    /// <param name="place">Where the one is.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Below<TKey>(ReadOnlySpan<TKey> keys, int place)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        ref TKey from = ref MemoryMarshal.GetReference(keys);
        Vector512<TKey> key = Vector512.Create(keys[place]);
        int own = place / Vector512<TKey>.Count * Vector512<TKey>.Count, count = 0, i = 0;
        for (; i < own; i += Vector512<TKey>.Count)
        {
            count += BitOperations.PopCount(Vector512.LessThan(Vector512.LoadUnsafe(ref from, (nuint)i), key).ExtractMostSignificantBits());
        }

        Vector512<TKey> mixed = Vector512.LoadUnsafe(ref from, (nuint)i), after = Vector512.GreaterThan(Vector512<TKey>.Indices, Vector512.Create(TKey.CreateTruncating(place - own)));
        count += BitOperations.PopCount((Vector512.LessThan(mixed, key) | (Vector512.Equals(mixed, key) & after)).ExtractMostSignificantBits());
        for (i += Vector512<TKey>.Count; i < keys.Length; i += Vector512<TKey>.Count)
        {
            count += BitOperations.PopCount(Vector512.LessThanOrEqual(Vector512.LoadUnsafe(ref from, (nuint)i), key).ExtractMostSignificantBits());
        }

        return count;
    }
}
