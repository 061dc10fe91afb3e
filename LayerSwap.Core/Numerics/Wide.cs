using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSwap.Numerics;

/// <summary>Elements in doubles, widened as they are loaded.</summary>
internal static class Wide
{
    /// <summary>Sixteen.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<double> Lower, Vector512<double> Upper) Sixteen<T>(ref T first, int at)
        where T : unmanaged => (Eight(ref Unsafe.Add(ref first, at)), Eight(ref Unsafe.Add(ref first, at + Vector512<double>.Count)));

    /// <summary>Eight.</summary>
    /// <param name="first">The first of them: a float, a double or a BF16.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Eight<T>(ref readonly T first)
        where T : unmanaged
    {
        if (typeof(T) == typeof(double))
        {
            return Vector512.LoadUnsafe(ref Unsafe.As<T, double>(ref Unsafe.AsRef(in first)));
        }

        Vector256<float> eight = typeof(T) == typeof(BFloat16)
            ? (Vector256.WidenLower(Vector128.LoadUnsafe(ref Unsafe.As<T, ushort>(ref Unsafe.AsRef(in first))).ToVector256Unsafe()) << 16).AsSingle()
            : Vector256.LoadUnsafe(ref Unsafe.As<T, float>(ref Unsafe.AsRef(in first)));
        return Avx512F.IsSupported ? Avx512F.ConvertToVector512Double(eight) : Vector512.Create(Vector256.WidenLower(eight), Vector256.WidenUpper(eight));
    }
}
