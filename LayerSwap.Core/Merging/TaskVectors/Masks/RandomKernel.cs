using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Merging;

/// <summary>
/// Counter-based 32-bit random numbers. One SplitMix64 output (Steele et al., 2014) gives the first bytes of eight numbers, which nearly
/// always suffice. The other 24 bits are from a second stream, at the index itself.
/// </summary>
internal static class RandomKernel
{
    /// <summary>The number of indices that share a SplitMix64 output for their first bytes.</summary>
    public const int BatchLength = 8;

    private const ulong Step = 0x9E3779B97F4A7C15, Other = 0xD1B54A32D192ED03;

    private const int FirstByte = 24;

    /// <summary>Computes one number: the scalar definition.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint ComputeNumber(ulong stream, long index)
    {
        ulong first = Mix(stream + ((ulong)(index / BatchLength) * Step)) >> (int)(index % BatchLength * 8);
        ulong others = Mix((stream ^ Other) + ((ulong)index * Step));
        return ((uint)(byte)first << FirstByte) | (uint)(others >> (64 - FirstByte));
    }

    /// <summary>Computes the first bytes of consecutive numbers.</summary>
    /// <param name="stream">The stream of numbers.</param>
    /// <param name="start">The first index, a multiple of <see cref="BatchLength"/>.</param>
    /// <param name="bytes">Receives the bytes; a multiple of 64 bytes.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ComputeFirstBytes(ulong stream, long start, Span<byte> bytes)
    {
        Vector512<ulong> state = States(stream, start);
        foreach (ref Vector512<byte> many in MemoryMarshal.Cast<byte, Vector512<byte>>(bytes))
        {
            many = ComputeFirstBytes(ref state);
        }
    }

    /// <summary>Sets the bits of indices whose number is below a bound, and clears the others.</summary>
    /// <param name="stream">The stream of numbers.</param>
    /// <param name="start">The first index, a multiple of <see cref="BatchLength"/>.</param>
    /// <param name="bound">The bound.</param>
    /// <param name="bits">Receives the bits, 64 a word.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void MaskBelow(ulong stream, long start, uint bound, Span<ulong> bits)
    {
        Vector512<byte> first = Vector512.Create((byte)(bound >> FirstByte));
        Vector512<ulong> state = States(stream, start);
        for (int word = 0; word < bits.Length; word++)
        {
            Vector512<byte> bytes = ComputeFirstBytes(ref state);
            ulong below = Vector512.LessThan(bytes, first).ExtractMostSignificantBits();
            for (ulong open = Vector512.Equals(bytes, first).ExtractMostSignificantBits(); open != 0; open &= open - 1)
            {
                int place = BitOperations.TrailingZeroCount(open);
                below |= (ComputeNumber(stream, start + (word * 64L) + place) < bound ? 1UL : 0) << place;
            }

            bits[word] = below;
        }
    }

    private static Vector512<ulong> States(ulong stream, long start) =>
        Vector512.Create(stream) + ((Vector512.Create((ulong)(start / BatchLength)) + Vector512<ulong>.Indices) * Vector512.Create(Step));

    /// <summary>Computes the first bytes of 64 numbers, and advances the state.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> ComputeFirstBytes(ref Vector512<ulong> state)
    {
        Vector512<ulong> z = state;
        state += Vector512.Create(unchecked(Step * (ulong)Vector512<ulong>.Count));
        z = (z ^ (z >> 30)) * Vector512.Create(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)) * Vector512.Create(0x94D049BB133111EB);
        return (z ^ (z >> 31)).AsByte();
    }

    /// <summary>Computes the SplitMix64 output of a state.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
