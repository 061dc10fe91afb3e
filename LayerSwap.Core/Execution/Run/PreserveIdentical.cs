using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Execution;

/// <summary>
/// Copies elements whose bits are the same in all operands to the result. Merging a model with itself gives the same model,
/// NaN payloads and negative zeros included. Works on undecoded bytes.
/// </summary>
internal static class PreserveIdentical
{
    /// <param name="width">The bytes of an element: 1, 2, 4 or 8.</param>
    /// <param name="operands">The undecoded operands, from the output's first element in the first to its last element in the last.</param>
    /// <param name="stride">The number of elements from one operand to the next.</param>
    /// <param name="output">The undecoded result, changed in place.</param>
    public static void Restore(int width, ReadOnlySpan<byte> operands, int stride, Span<byte> output)
    {
        switch (width)
        {
            case 1:
                Restore(operands, stride, output);
                break;
            case 2:
                Restore(MemoryMarshal.Cast<byte, ushort>(operands), stride, MemoryMarshal.Cast<byte, ushort>(output));
                break;
            case 4:
                Restore(MemoryMarshal.Cast<byte, uint>(operands), stride, MemoryMarshal.Cast<byte, uint>(output));
                break;
            default:
                Restore(MemoryMarshal.Cast<byte, ulong>(operands), stride, MemoryMarshal.Cast<byte, ulong>(output));
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Restore<T>(ReadOnlySpan<T> operands, int stride, Span<T> output)
        where T : unmanaged, IBinaryInteger<T>
    {
        int length = output.Length, last = operands.Length - length, i = 0;
        ref T from = ref MemoryMarshal.GetReference(operands);
        ref T to = ref MemoryMarshal.GetReference(output);
        for (; i <= length - Vector512<T>.Count; i += Vector512<T>.Count)
        {
            Vector512<T> first = Vector512.LoadUnsafe(ref from, (nuint)i), same = Vector512<T>.AllBitsSet;
            for (int k = stride; k <= last; k += stride)
            {
                same &= Vector512.Equals(first, Vector512.LoadUnsafe(ref from, (nuint)(i + k)));
            }

            Vector512.ConditionalSelect(same, first, Vector512.LoadUnsafe(ref to, (nuint)i)).StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < length; i++)
        {
            bool same = true;
            for (int k = stride; k <= last; k += stride)
            {
                same &= operands[i] == operands[i + k];
            }

            output[i] = same ? operands[i] : output[i];
        }
    }
}
