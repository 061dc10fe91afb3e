using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSwap.Numerics;

/// <summary>A bit an element, in words, the first in the lowest.</summary>
internal static class Bits
{
    private const int Word = 64;

    /// <summary>A bit in each of sixteen lanes, one after another, twice.</summary>
    private static Vector512<ushort> Lanes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.Create(
            (ushort)1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768);
    }

    /// <summary>The words of so many bits.</summary>
    public static int Words(long count) => (int)((count + Word - 1) / Word);

    public static bool IsSet(ReadOnlySpan<ulong> bits, int at) => ((bits[at / Word] >> (at % Word)) & 1) != 0;

    /// <summary>Of eight bits from a multiple of eight on one in each lane, which is zero where that is not set.</summary>
    /// <param name="bits">The first word; the order of its bytes is that of the elements.</param>
    /// <param name="at">The first of the eight.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Eight(ref ulong bits, int at) =>
        Vector512.Create(Unsafe.Add(ref Unsafe.As<ulong, byte>(ref bits), (uint)at / 8)).AsUInt64() & Vector512.Create(1UL, 2, 4, 8, 16, 32, 64, 128);

    /// <summary>Of sixteen bits from a multiple of sixteen on one in each lane, which is zero where that is not set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ushort> Sixteen(ref ulong bits, int at) => Vector256.Create(Unsafe.Add(ref Unsafe.As<ulong, ushort>(ref bits), (uint)at / 16)) & Lanes.GetLower();

    /// <summary>Of thirty-two bits from a multiple of thirty-two on one in each lane, which is zero where that is not set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ushort> ThirtyTwo(ref ulong bits, int at)
    {
        Vector512<ushort> pairs = Vector512.Create(Unsafe.Add(ref Unsafe.As<ulong, uint>(ref bits), (uint)at / 32)).AsUInt16();
        return Vector512.Shuffle(pairs, Vector512.Create((ushort)0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)) & Lanes;
    }

    /// <summary>The same as <see cref="Eight"/> for sixteen, as <see cref="Wide.Sixteen{T}"/> has their elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<ulong> Lower, Vector512<ulong> Upper) SixteenWide<T>(ref ulong bits, int at)
        where T : unmanaged
    {
        if (typeof(T) != typeof(BFloat16))
        {
            return (Eight(ref bits, at), Eight(ref bits, at + Vector512<ulong>.Count));
        }

        Vector512<ulong> sixteen = Vector512.Create(Unsafe.Add(ref Unsafe.As<ulong, ushort>(ref bits), (uint)at / 16)).AsUInt64();
        return (sixteen & Vector512.Create(1UL, 4, 16, 64, 256, 1024, 4096, 16384), sixteen & Vector512.Create(2UL, 8, 32, 128, 512, 2048, 8192, 32768));
    }

    /// <summary>The way back from <see cref="SixteenWide"/>: bits in the order of the elements, from so many of each half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Joined<T>(ulong lower, ulong upper, int count)
        where T : unmanaged => typeof(T) == typeof(BFloat16) ? Apart(lower) | (Apart(upper) << 1) : lower | (upper << count);

    /// <summary>Sixteen bits, each with an empty one after it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Apart(ulong bits)
    {
        if (Bmi2.X64.IsSupported)
        {
            return Bmi2.X64.ParallelBitDeposit(bits, 0x55555555);
        }

        bits = (bits | (bits << 8)) & 0x00FF00FF;
        bits = (bits | (bits << 4)) & 0x0F0F0F0F;
        bits = (bits | (bits << 2)) & 0x33333333;
        return (bits | (bits << 1)) & 0x55555555;
    }

    /// <summary>Copies bits from any place to any other; those around stay as they are.</summary>
    public static void Copy(ReadOnlySpan<ulong> from, int first, Span<ulong> to, int at, int count)
    {
        int whole = (first | at) % Word == 0 ? count / Word : 0;
        from.Slice(first / Word, whole).CopyTo(to[(at / Word)..]);
        for (int i = whole * Word; i < count;)
        {
            // As many as are left of a word to write to, of one word to read from or of two.
            int into = (at + i) % Word, length = Math.Min(Word - into, count - i), source = (first + i) / Word, place = (first + i) % Word;
            ulong read = from[source] >> place;
            if (place + length > Word)
            {
                read |= from[source + 1] << (Word - place);
            }

            ulong part = (ulong.MaxValue >> (Word - length)) << into;
            ref ulong word = ref to[(at + i) / Word];
            word = (word & ~part) | ((read << into) & part);
            i += length;
        }
    }
}
