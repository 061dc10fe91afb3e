using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Merging;

/// <summary>
/// One-byte bins for the keys of one row: bin 0 for zeros, then sixteen pairs of bins for each octave up to the largest key. The even bin
/// of a pair is for the one key without lower bits, the odd bin for the keys up to the next pair. Smaller keys share bin 1. Keys are the
/// bits of float32 or float64 magnitudes.
/// </summary>
/// <remarks>Deltas of BF16 numbers have few bits: most are in an even bin, where all keys are equal.</remarks>
internal readonly struct MagnitudeBins
{
    public const int Count = 256;

    /// <summary>The number of fraction bits that select a pair of bins within an octave.</summary>
    private const int OctaveBits = 4;

    /// <summary>The number of elements binned at once; arrays are padded to whole steps.</summary>
    private const int Step = 64;

    private readonly int _shift, _first;

    /// <param name="largest">The largest key of the row.</param>
    /// <param name="fraction">The number of fraction bits of a key: 23 or 52.</param>
    public MagnitudeBins(long largest, int fraction)
    {
        _shift = fraction - OctaveBits;
        // Even, to keep the parity of bins.
        _first = (int)Math.Max((Unbounded(largest) - (Count - 2)) & ~1L, 0);
    }

    /// <summary>Whether all keys of a bin are equal.</summary>
    public static bool HasOneKey(int bin) => bin % 2 == 0;

    /// <summary>Rounds a length up to whole steps.</summary>
    public static int Padded(int length) => checked((length + Step - 1) / Step * Step);

    /// <summary>Computes the bin of one key: the scalar definition.</summary>
    public byte Of(long key) => key == 0 ? (byte)0 : (byte)Math.Max(Unbounded(key) - _first, 1);

    /// <summary>Computes the bin without limits: twice the upper bits of a key, plus one if a lower bit is set.</summary>
    private long Unbounded(long key) => (key >> _shift) + ((key + ((1L << _shift) - 1)) >> _shift);

    /// <summary>Computes the bin of each key.</summary>
    /// <param name="keys">Whole steps.</param>
    /// <param name="bins">Receives one bin a key.</param>
    public void Assign<TKey>(ReadOnlySpan<TKey> keys, Span<byte> bins)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        if (typeof(TKey) == typeof(int))
        {
            Assign(MemoryMarshal.Cast<TKey, int>(keys), bins);
            return;
        }

        for (int i = 0; i < keys.Length; i++)
        {
            bins[i] = Of(long.CreateTruncating(keys[i]));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Assign(ReadOnlySpan<int> keys, Span<byte> bins)
    {
        const int Lanes = 8;
        ref int key = ref MemoryMarshal.GetReference(keys);
        ref byte to = ref MemoryMarshal.GetReference(bins);
        int shift = _shift;
        Vector256<int> first = Vector256.Create(_first), lowerBits = Vector256.Create((1 << shift) - 1), one = Vector256<int>.One;
        for (int i = 0; i < keys.Length; i += 4 * Lanes)
        {
            Vector256<short> lower = Vector256.Narrow(Eight(ref key, i), Eight(ref key, i + Lanes));
            Vector256<short> upper = Vector256.Narrow(Eight(ref key, i + (2 * Lanes)), Eight(ref key, i + (3 * Lanes)));
            Vector256.Narrow(lower, upper).AsByte().StoreUnsafe(ref to, (nuint)i);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        Vector256<int> Eight(ref int key, int at)
        {
            Vector256<int> k = Vector256.LoadUnsafe(ref key, (nuint)at);
            return Vector256.Max((k >> shift) + ((k + lowerBits) >> shift) - first, Vector256.Min(k, one));
        }
    }

    /// <summary>Counts the keys of each bin.</summary>
    /// <param name="bins">Whole steps.</param>
    /// <param name="padding">The number of padding zeros at the end.</param>
    /// <param name="counts">Receives the counts.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe void CountEach(ReadOnlySpan<byte> bins, int padding, Span<int> counts)
    {
        // Four tables, because equal bins are often adjacent and increments of one counter are serial.
        int* first = stackalloc int[4 * Count], second = first + Count, third = second + Count, fourth = third + Count;
        fixed (byte* bin = bins)
        {
            for (byte* at = bin, end = bin + bins.Length; at < end; at += 4)
            {
                first[at[0]]++;
                second[at[1]]++;
                third[at[2]]++;
                fourth[at[3]]++;
            }
        }

        for (int b = 0; b < Count; b++)
        {
            counts[b] = first[b] + second[b] + third[b] + fourth[b];
        }

        counts[0] -= padding;
    }

    /// <summary>
    /// Sets the bits of elements whose random byte is below their bin's lower limit, and lists the others whose byte is not above the upper
    /// limit.
    /// </summary>
    /// <param name="bins">Whole steps.</param>
    /// <param name="randoms">A random byte for each element.</param>
    /// <param name="limits">The limits of each bin: the lower one in the low byte, the upper one in the high byte.</param>
    /// <param name="mask">Receives the bits.</param>
    /// <param name="open">Receives the indices; as long as the bins.</param>
    /// <returns>The number of indices.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe int Draw(
        ReadOnlySpan<byte> bins, ReadOnlySpan<byte> randoms, ReadOnlySpan<ushort> limits, Span<ulong> mask, Span<int> open)
    {
        const int Half = Step / 2;
        ushort* found = stackalloc ushort[Step];
        int count = 0;
        fixed (byte* bin = bins, random = randoms)
        fixed (ushort* limit = limits)
        {
            for (int i = 0; i < bins.Length; i += Step)
            {
                for (int k = 0; k < Step; k += 8)
                {
                    // There is no vector lookup in 256 limits; load eight bins together.
                    ulong eight = *(ulong*)(bin + i + k);
                    found[k] = limit[(byte)eight];
                    found[k + 1] = limit[(byte)(eight >> 8)];
                    found[k + 2] = limit[(byte)(eight >> 16)];
                    found[k + 3] = limit[(byte)(eight >> 24)];
                    found[k + 4] = limit[(byte)(eight >> 32)];
                    found[k + 5] = limit[(byte)(eight >> 40)];
                    found[k + 6] = limit[(byte)(eight >> 48)];
                    found[k + 7] = limit[eight >> 56];
                }

                (uint lower0, uint upper0) = Compare(random + i, found);
                (uint lower1, uint upper1) = Compare(random + i + Half, found + Half);
                ulong kept = lower0 | ((ulong)lower1 << Half);
                mask[i / Step] = kept;
                for (ulong left = (upper0 | ((ulong)upper1 << Half)) & ~kept; left != 0; left &= left - 1)
                {
                    open[count++] = i + BitOperations.TrailingZeroCount(left);
                }
            }
        }

        return count;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static (uint Below, uint NotAbove) Compare(byte* random, ushort* limits)
        {
            Vector256<ushort> first = Vector256.Load(limits), second = Vector256.Load(limits + Vector256<ushort>.Count);
            Vector256<ushort> low = Vector256.Create((ushort)byte.MaxValue);
            Vector256<byte> lower = Vector256.Narrow(first & low, second & low), upper = Vector256.Narrow(first >>> 8, second >>> 8);
            Vector256<byte> number = Vector256.Load(random);
            return (~Vector256.GreaterThanOrEqual(number, lower).ExtractMostSignificantBits(),
                Vector256.LessThanOrEqual(number, upper).ExtractMostSignificantBits());
        }
    }

    /// <summary>Counts the keys of one bin that are smaller than a key, and those equal to it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (int Smaller, int Equal) Compare<TKey>(ReadOnlySpan<TKey> keys, ReadOnlySpan<byte> bins, byte bin, TKey key)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        int smaller = 0, equal = 0;
        for (int i = 0; i < bins.Length; i += Step)
        {
            Vector512<byte> inBin = Vector512.Equals(Vector512.LoadUnsafe(in bins[i]), Vector512.Create(bin));
            for (ulong left = inBin.ExtractMostSignificantBits(); left != 0; left &= left - 1)
            {
                TKey other = keys[i + BitOperations.TrailingZeroCount(left)];
                smaller += other < key ? 1 : 0;
                equal += other == key ? 1 : 0;
            }
        }

        return (smaller, equal);
    }
}
