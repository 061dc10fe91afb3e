using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSwap.Numerics;

/// <summary>Lists of the places where something holds, filled sixteen at a time.</summary>
internal static class Places
{
    /// <summary>How much longer a list must be than what goes into it: sixteen are stored, however few hold.</summary>
    public const int Room = 16;

    /// <summary>Adds the places from <paramref name="first"/> on whose lane is set; returns how many the list then has.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Add(ref int list, int count, int first, Vector512<int> lanes)
    {
        ulong mask = lanes.ExtractMostSignificantBits();
        if (Avx512F.IsSupported)
        {
            // Without a branch: which lanes are set is as good as random.
            Avx512F.Compress(default, lanes, Vector512.Create(first) + Vector512<int>.Indices).StoreUnsafe(ref list, (nuint)count);
            return count + BitOperations.PopCount(mask);
        }

        for (; mask != 0; mask &= mask - 1)
        {
            Unsafe.Add(ref list, count++) = first + BitOperations.TrailingZeroCount(mask);
        }

        return count;
    }
}
