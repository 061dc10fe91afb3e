using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSwap.Numerics;

/// <summary>Elements, floats or doubles or BF16 as it lies, in doubles: widened as they are loaded, rounded as they are stored.</summary>
internal static class Wide
{
    private const int BitsOfBFloat16 = 16;

    private const uint UpperOfPair = 0xFFFF0000;

    /// <summary>The bits of a double that a single has no room for.</summary>
    private const ulong BeyondSingle = (1UL << 29) - 1;

    private const ulong Unsigned = ulong.MaxValue >> 1, LeastNormalSingle = 0x3810_0000_0000_0000;

    /// <summary>One.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double One<T>(T element)
        where T : unmanaged =>
        typeof(T) == typeof(double) ? Unsafe.BitCast<T, double>(element)
        : typeof(T) == typeof(BFloat16) ? Unsafe.BitCast<T, BFloat16>(element).Value
        : Unsafe.BitCast<T, float>(element);

    /// <summary>The way back, rounded once: on the way to BF16 by a single rounded to odd.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Narrow<T>(double number)
        where T : unmanaged =>
        typeof(T) == typeof(double) ? Unsafe.BitCast<double, T>(number)
        : typeof(T) == typeof(BFloat16) ? Unsafe.BitCast<BFloat16, T>(new BFloat16(Scalar16.ToBFloat16(Scalar16.ToOdd(number))))
        : Unsafe.BitCast<float, T>((float)number);

    /// <summary>Sixteen floats, or BF16 widened to floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Singles<T>(ref T first, int at)
        where T : unmanaged =>
        typeof(T) == typeof(BFloat16)
            ? (Vector512.WidenLower(Vector256.LoadUnsafe(ref Unsafe.As<T, ushort>(ref first), (nuint)at).ToVector512Unsafe()) << BitsOfBFloat16).AsSingle()
            : Vector512.LoadUnsafe(ref Unsafe.As<T, float>(ref first), (nuint)at);

    /// <summary>Thirty-two in halves, as <see cref="Sixteen{T}"/> has sixteen.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> Lower, Vector512<float> Upper) ThirtyTwo<T>(ref T first, int at)
        where T : unmanaged =>
        typeof(T) == typeof(BFloat16)
            ? Singles(Vector512.LoadUnsafe(ref Unsafe.As<T, ushort>(ref first), (nuint)at))
            : (Singles(ref first, at), Singles(ref first, at + Vector512<float>.Count));

    /// <summary>Thirty-two BF16 as singles: the even ones and the odd.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> Even, Vector512<float> Odd) Singles(Vector512<ushort> elements) =>
        ((elements.AsUInt32() << BitsOfBFloat16).AsSingle(), (elements.AsUInt32() & Vector512.Create(UpperOfPair)).AsSingle());

    /// <summary>The way back, from the upper halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ushort> Narrow(Vector512<uint> even, Vector512<uint> odd) => ((even >>> BitsOfBFloat16) | (odd & Vector512.Create(UpperOfPair))).AsUInt16();

    /// <summary>Sixteen in halves: the first eight and the last, but of BF16 the even ones and the odd, which need no shuffling.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<double> Lower, Vector512<double> Upper) Sixteen<T>(ref T first, int at)
        where T : unmanaged
    {
        ref T own = ref Unsafe.Add(ref first, at);
        return typeof(T) == typeof(BFloat16) ? Sixteen(Vector256.LoadUnsafe(ref Unsafe.As<T, uint>(ref own))) : (Eight(ref own), Eight(ref Unsafe.Add(ref own, Vector512<double>.Count)));
    }

    /// <summary>The same of sixteen BF16 in pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<double> Even, Vector512<double> Odd) Sixteen(Vector256<uint> pairs) =>
        (Widen((pairs << BitsOfBFloat16).AsSingle()), Widen((pairs & Vector256.Create(UpperOfPair)).AsSingle()));

    /// <summary>Eight.</summary>
    /// <param name="first">The first of them: a float, a double or a BF16.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Eight<T>(ref T first)
        where T : unmanaged
    {
        if (typeof(T) == typeof(double))
        {
            return Vector512.LoadUnsafe(ref Unsafe.As<T, double>(ref first));
        }

        Vector256<float> eight = typeof(T) == typeof(BFloat16)
            ? (Vector256.WidenLower(Vector128.LoadUnsafe(ref Unsafe.As<T, ushort>(ref first)).ToVector256Unsafe()) << BitsOfBFloat16).AsSingle()
            : Vector256.LoadUnsafe(ref Unsafe.As<T, float>(ref first));
        return Widen(eight);
    }

    /// <summary>Stores sixteen doubles, in such halves, as T: rounded once, to nearest even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T>(Vector512<double> lower, Vector512<double> upper, ref T first, int at)
        where T : unmanaged
    {
        ref T own = ref Unsafe.Add(ref first, at);
        if (typeof(T) == typeof(double))
        {
            lower.StoreUnsafe(ref Unsafe.As<T, double>(ref own));
            upper.StoreUnsafe(ref Unsafe.As<T, double>(ref Unsafe.Add(ref own, Vector512<double>.Count)));
            return;
        }

        if (typeof(T) == typeof(BFloat16))
        {
            if (AnyIsSubnormal(lower) || AnyIsSubnormal(upper))
            {
                StoreEach(lower, upper, ref own);
                return;
            }

            Vector512<uint> rounded = Vector16.Round(Vector512.Narrow(ToOdd(lower), ToOdd(upper)));
            ((rounded.GetLower() >>> BitsOfBFloat16) | (rounded.GetUpper() & Vector256.Create(UpperOfPair))).StoreUnsafe(ref Unsafe.As<T, uint>(ref own));
        }
        else
        {
            Vector512.Narrow(lower, upper).StoreUnsafe(ref Unsafe.As<T, float>(ref own));
        }
    }

    /// <summary>Cuts doubles to the bits of singles, and sets the last of these where something is lost: as <see cref="Scalar16.ToOdd"/>, unless a single is subnormal there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> ToOdd(Vector512<double> numbers)
    {
        Vector512<ulong> bits = numbers.AsUInt64(), beyond = Vector512.Create(BeyondSingle);
        return ((bits | ((bits & beyond) + beyond)) & ~beyond).AsDouble();
    }

    /// <summary>Whether any is so small that a single would be subnormal; zeros aside.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool AnyIsSubnormal(Vector512<double> numbers) =>
        Vector512.LessThanAny((numbers.AsUInt64() & Vector512.Create(Unsigned)) - Vector512<ulong>.One, Vector512.Create(LeastNormalSingle - 1));

    /// <summary>Stores sixteen BF16, even ones and odd, one by one.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void StoreEach<T>(Vector512<double> even, Vector512<double> odd, ref T first)
        where T : unmanaged
    {
        for (int i = 0; i < Vector512<double>.Count; i++)
        {
            Unsafe.Add(ref first, 2 * i) = Narrow<T>(even[i]);
            Unsafe.Add(ref first, (2 * i) + 1) = Narrow<T>(odd[i]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Widen(Vector256<float> eight) =>
        Avx512F.IsSupported ? Avx512F.ConvertToVector512Double(eight) : Vector512.Create(Vector256.WidenLower(eight), Vector256.WidenUpper(eight));
}
