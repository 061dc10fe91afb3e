using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>The least and the largest magnitude of BF16, zeros aside, in each of thirty-two lanes: what lies near together can be added and halved without rounding.</summary>
internal readonly struct Magnitudes
{
    private const ushort Unsigned = 0x7FFF;

    private const int BitsOfFraction = 7;

    /// <summary>What is larger may sum up to what is not finite.</summary>
    private const ushort Large = 0x7F80 - (20 << BitsOfFraction);

    /// <summary>The bits of the least less one, so that those of a zero are the largest of all; and the bits of the largest.</summary>
    private readonly Vector512<ushort> _belowLeast, _most;

    private Magnitudes(Vector512<ushort> belowLeast, Vector512<ushort> most) => (_belowLeast, _most) = (belowLeast, most);

    /// <summary>Those of nothing.</summary>
    public static Magnitudes None => new(Vector512<ushort>.AllBitsSet, default);

    /// <summary>Those of thirty-two.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Magnitudes Of(Vector512<ushort> elements) => new((elements & Vector512.Create(Unsigned)) - Vector512<ushort>.One, elements & Vector512.Create(Unsigned));

    /// <summary>Those of others with them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Magnitudes With(Magnitudes others) => new(Vector512.Min(_belowLeast, others._belowLeast), Vector512.Max(_most, others._most));

    /// <summary>Those of any number more, by vectors that are held in registers: this type would not be.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public Magnitudes With(ReadOnlySpan<BFloat16> elements)
    {
        ref ushort from = ref Unsafe.As<BFloat16, ushort>(ref MemoryMarshal.GetReference(elements));
        Vector512<ushort> belowLeast = _belowLeast, most = _most;
        int i = 0;
        for (; i <= elements.Length - Vector512<ushort>.Count; i += Vector512<ushort>.Count)
        {
            Vector512<ushort> own = Vector512.LoadUnsafe(ref from, (nuint)i) & Vector512.Create(Unsigned);
            (belowLeast, most) = (Vector512.Min(belowLeast, own - Vector512<ushort>.One), Vector512.Max(most, own));
        }

        return i == elements.Length ? new Magnitudes(belowLeast, most) : new Magnitudes(belowLeast, most).With(Of(Last(elements[i..])));
    }

    /// <summary>Whether in each lane the exponents are so far apart at most, and numbers not so large that a few of them added up might not be finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool LieWithin(int exponents) => Vector512.LessThanAll(_most, Vector512.Create(Large)) && Vector512.LessThanOrEqualAll(_most - _belowLeast, Vector512.Create((ushort)(exponents << BitsOfFraction)));

    /// <summary>The same of all lanes together, and whether all are finite.</summary>
    public bool AllLieWithin(int exponents)
    {
        int least = ushort.MaxValue, most = 0;
        for (int lane = 0; lane < Vector512<ushort>.Count; lane++)
        {
            least = Math.Min(least, _belowLeast[lane]);
            most = Math.Max(most, _most[lane]);
        }

        return most < Scalar16.BFloat16Exponent && most - least <= exponents << BitsOfFraction;
    }

    /// <summary>Fewer than thirty-two, and zeros.</summary>
    private static Vector512<ushort> Last(ReadOnlySpan<BFloat16> elements)
    {
        Span<BFloat16> padded = stackalloc BFloat16[Vector512<ushort>.Count];
        padded.Clear();
        elements.CopyTo(padded);
        return Vector512.LoadUnsafe(ref Unsafe.As<BFloat16, ushort>(ref MemoryMarshal.GetReference(padded)));
    }
}
