using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSwap.Numerics;

/// <summary>Loads float32, float64 and BF16 elements as float64, and stores float64 rounded once to nearest even.</summary>
internal static class VectorWidening
{
    private const int BFloat16Bits = 16;

    /// <summary>The bits of the upper BF16 in a 32-bit pair.</summary>
    private const uint UpperOfPair = 0xFFFF0000;

    /// <summary>The bits of a float64 fraction that a float32 fraction lacks.</summary>
    private const ulong BeyondFloat32 = (1UL << 29) - 1;

    /// <summary>The least normal float32, 2^-126.</summary>
    private const double LeastNormalFloat32 = 1.1754943508222875e-38;

    /// <summary>Widens one element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Load1<T>(T element)
        where T : unmanaged =>
        typeof(T) == typeof(double) ? Unsafe.BitCast<T, double>(element)
        : typeof(T) == typeof(BFloat16) ? Unsafe.BitCast<T, BFloat16>(element).Value
        : Unsafe.BitCast<T, float>(element);

    /// <summary>Rounds one element once; to BF16 through a float32 rounded to odd.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Round<T>(double number)
        where T : unmanaged =>
        typeof(T) == typeof(double) ? Unsafe.BitCast<double, T>(number)
        : typeof(T) == typeof(BFloat16)
            ? Unsafe.BitCast<BFloat16, T>(new BFloat16(SixteenBitFloats.ToBFloat16(SixteenBitFloats.RoundToOdd(number))))
        : Unsafe.BitCast<float, T>((float)number);

    /// <summary>Loads sixteen float32, or BF16 widened to float32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadFloat32<T>(ref T first, int at)
        where T : unmanaged
    {
        if (typeof(T) != typeof(BFloat16))
        {
            return Vector512.LoadUnsafe(ref Unsafe.As<T, float>(ref first), (nuint)at);
        }

        Vector256<ushort> sixteen = Vector256.LoadUnsafe(ref Unsafe.As<T, ushort>(ref first), (nuint)at);
        return (Vector512.WidenLower(sixteen.ToVector512Unsafe()) << BFloat16Bits).AsSingle();
    }

    /// <summary>Loads thirty-two float32, or BF16 widened to float32, in the halves of <see cref="Load16{T}(ref T, int)"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> Lower, Vector512<float> Upper) Load32AsFloat32<T>(ref T first, int at)
        where T : unmanaged
    {
        if (typeof(T) != typeof(BFloat16))
        {
            return (LoadFloat32(ref first, at), LoadFloat32(ref first, at + Vector512<float>.Count));
        }

        Vector512<uint> pairs = Vector512.LoadUnsafe(ref Unsafe.As<T, ushort>(ref first), (nuint)at).AsUInt32();
        return ((pairs << BFloat16Bits).AsSingle(), (pairs & Vector512.Create(UpperOfPair)).AsSingle());
    }

    /// <summary>Loads sixteen elements in two halves: first and last eight, or, for BF16, even and odd ones to avoid a shuffle.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<double> Lower, Vector512<double> Upper) Load16<T>(ref T first, int at)
        where T : unmanaged
    {
        ref T element = ref Unsafe.Add(ref first, at);
        return typeof(T) == typeof(BFloat16)
            ? Load16(Vector256.LoadUnsafe(ref Unsafe.As<T, uint>(ref element)))
            : (Load8(ref element), Load8(ref Unsafe.Add(ref element, Vector512<double>.Count)));
    }

    /// <summary>Widens sixteen BF16, as eight pairs, to the even and the odd ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<double> Even, Vector512<double> Odd) Load16(Vector256<uint> pairs) =>
        (Widen((pairs << BFloat16Bits).AsSingle()), Widen((pairs & Vector256.Create(UpperOfPair)).AsSingle()));

    /// <summary>Loads eight elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Load8<T>(ref T first)
        where T : unmanaged
    {
        if (typeof(T) == typeof(double))
        {
            return Vector512.LoadUnsafe(ref Unsafe.As<T, double>(ref first));
        }

        if (typeof(T) == typeof(BFloat16))
        {
            Vector128<ushort> eight = Vector128.LoadUnsafe(ref Unsafe.As<T, ushort>(ref first));
            return Widen((Vector256.WidenLower(eight.ToVector256Unsafe()) << BFloat16Bits).AsSingle());
        }

        return Widen(Vector256.LoadUnsafe(ref Unsafe.As<T, float>(ref first)));
    }

    /// <summary>Stores sixteen float64, in the halves of <see cref="Load16{T}(ref T, int)"/>, as T, rounded once to nearest even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store16<T>(Vector512<double> lower, Vector512<double> upper, ref T first, int at)
        where T : unmanaged
    {
        ref T element = ref Unsafe.Add(ref first, at);
        if (typeof(T) == typeof(double))
        {
            lower.StoreUnsafe(ref Unsafe.As<T, double>(ref element));
            upper.StoreUnsafe(ref Unsafe.As<T, double>(ref Unsafe.Add(ref element, Vector512<double>.Count)));
            return;
        }

        if (typeof(T) == typeof(BFloat16))
        {
            if ((IsSubnormal(lower) | IsSubnormal(upper)) != Vector512<double>.Zero)
            {
                StoreEach(lower, upper, ref element);
                return;
            }

            Vector512<uint> rounded = SixteenBitVectors.Round(Vector512.Narrow(ToOdd(lower), ToOdd(upper)));
            Vector256<uint> pairs = (rounded.GetLower() >>> BFloat16Bits) | (rounded.GetUpper() & Vector256.Create(UpperOfPair));
            pairs.StoreUnsafe(ref Unsafe.As<T, uint>(ref element));
        }
        else
        {
            Vector512.Narrow(lower, upper).StoreUnsafe(ref Unsafe.As<T, float>(ref element));
        }
    }

    /// <summary>Rounds to odd at float32 precision. Equals <see cref="SixteenBitFloats.RoundToOdd"/> unless the float32 is
    /// subnormal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> ToOdd(Vector512<double> numbers)
    {
        Vector512<ulong> bits = numbers.AsUInt64(), beyond = Vector512.Create(BeyondFloat32);
        return ((bits | ((bits & beyond) + beyond)) & ~beyond).AsDouble();
    }

    /// <summary>Marks nonzero numbers whose float32 is subnormal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> IsSubnormal(Vector512<double> numbers) =>
        Vector512.AndNot(
            Vector512.LessThan(Vector512.Abs(numbers), Vector512.Create(LeastNormalFloat32)),
            Vector512.Equals(numbers, default));

    /// <summary>Stores sixteen BF16, given as even and odd ones, one at a time.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void StoreEach<T>(Vector512<double> even, Vector512<double> odd, ref T first)
        where T : unmanaged
    {
        for (int i = 0; i < Vector512<double>.Count; i++)
        {
            Unsafe.Add(ref first, 2 * i) = Round<T>(even[i]);
            Unsafe.Add(ref first, (2 * i) + 1) = Round<T>(odd[i]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Widen(Vector256<float> eight) =>
        Avx512F.IsSupported
            ? Avx512F.ConvertToVector512Double(eight)
            : Vector512.Create(Vector256.WidenLower(eight), Vector256.WidenUpper(eight));
}
