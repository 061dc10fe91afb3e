using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>A mask of one bit for each element, in 64-bit words, the first element in the lowest bit.</summary>
internal static class BitMask
{
    private const int Word = 64;

    /// <summary>Computes the number of words of a mask.</summary>
    public static int WordCount(long elements) => (int)((elements + Word - 1) / Word);

    public static bool IsSet(ReadOnlySpan<ulong> mask, int at) => ((mask[at / Word] >> (at % Word)) & 1) != 0;

    /// <summary>Spreads eight bits over eight lanes; a lane is zero where its bit is not set.</summary>
    /// <param name="mask">The first word.</param>
    /// <param name="at">The first element, a multiple of eight.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Lanes8(ref ulong mask, int at) =>
        Vector512.Create(Unsafe.Add(ref Unsafe.As<ulong, byte>(ref mask), (uint)at / 8)).AsUInt64()
            & Vector512.Create(1UL, 2, 4, 8, 16, 32, 64, 128);

    /// <summary>Spreads sixteen bits over sixteen lanes; a lane is zero where its bit is not set.</summary>
    /// <param name="mask">The first word.</param>
    /// <param name="at">The first element, a multiple of sixteen.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ushort> Lanes16(ref ulong mask, int at) =>
        Vector256.Create(Unsafe.Add(ref Unsafe.As<ulong, ushort>(ref mask), (uint)at / 16))
            & Vector256.Create((ushort)1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768);

    /// <summary>Spreads sixteen bits over the halves of <see cref="VectorWidening.Load16{T}(ref T, int)"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<ulong> Lower, Vector512<ulong> Upper) Lanes16<T>(ref ulong mask, int at)
        where T : unmanaged
    {
        if (typeof(T) != typeof(BFloat16))
        {
            return (Lanes8(ref mask, at), Lanes8(ref mask, at + Vector512<ulong>.Count));
        }

        Vector512<ulong> sixteen = Vector512.Create(Unsafe.Add(ref Unsafe.As<ulong, ushort>(ref mask), (uint)at / 16)).AsUInt64();
        return (
            sixteen & Vector512.Create(1UL, 4, 16, 64, 256, 1024, 4096, 16384),
            sixteen & Vector512.Create(2UL, 8, 32, 128, 512, 2048, 8192, 32768));
    }

    /// <summary>Joins the bits of two halves, as <see cref="Lanes16{T}"/> splits them, in the order of the elements.</summary>
    /// <param name="lower">The bits of the lower half.</param>
    /// <param name="upper">The bits of the upper half.</param>
    /// <param name="count">The number of bits of a half, up to 16.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Join<T>(ulong lower, ulong upper, int count)
        where T : unmanaged => typeof(T) == typeof(BFloat16) ? Spread(lower) | (Spread(upper) << 1) : lower | (upper << count);

    /// <summary>Spreads sixteen bits to the even positions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Spread(ulong bits)
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

    /// <summary>Copies bits between arbitrary positions; the bits around them are kept.</summary>
    public static void Copy(ReadOnlySpan<ulong> from, int first, Span<ulong> to, int at, int count)
    {
        int whole = (first | at) % Word == 0 ? count / Word : 0;
        from.Slice(first / Word, whole).CopyTo(to[(at / Word)..]);
        for (int i = whole * Word; i < count;)
        {
            // The rest of a target word, read from one or two source words.
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
