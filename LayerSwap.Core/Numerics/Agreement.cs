using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LayerSwap.Numerics;

/// <summary>
/// Where all operands of an element have the same bits, the result gets those bits: merging a model with itself gives the model,
/// NaN payloads and negative zeros included. Works on the undecoded bytes.
/// </summary>
internal static class Agreement
{
    /// <param name="bits">Width of an element: 8, 16, 32 or 64.</param>
    /// <param name="operands">The undecoded operands, one after another, each as long as the output.</param>
    /// <param name="output">The undecoded result, mended in place.</param>
    public static void Restore(int bits, ReadOnlySpan<byte> operands, Span<byte> output)
    {
        if (output.IsEmpty)
        {
            return;
        }

        switch (bits)
        {
            case 8:
                Restore(operands, output);
                break;
            case 16:
                Restore(MemoryMarshal.Cast<byte, ushort>(operands), MemoryMarshal.Cast<byte, ushort>(output));
                break;
            case 32:
                Restore(MemoryMarshal.Cast<byte, uint>(operands), MemoryMarshal.Cast<byte, uint>(output));
                break;
            default:
                Restore(MemoryMarshal.Cast<byte, ulong>(operands), MemoryMarshal.Cast<byte, ulong>(output));
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Restore<T>(ReadOnlySpan<T> operands, Span<T> output)
        where T : unmanaged, IBinaryInteger<T>
    {
        int length = output.Length, count = operands.Length / length, i = 0;
        ref T from = ref MemoryMarshal.GetReference(operands);
        ref T to = ref MemoryMarshal.GetReference(output);
        for (; i <= length - Vector<T>.Count; i += Vector<T>.Count)
        {
            Vector<T> first = Vector.LoadUnsafe(ref from, (nuint)i);
            Vector<T> same = Vector<T>.AllBitsSet;
            for (int k = 1; k < count; k++)
            {
                same &= Vector.Equals(first, Vector.LoadUnsafe(ref from, (nuint)(i + (k * length))));
            }

            Vector.ConditionalSelect(same, first, Vector.LoadUnsafe(ref to, (nuint)i)).StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < length; i++)
        {
            bool same = true;
            for (int k = 1; k < count; k++)
            {
                same &= operands[i] == operands[i + (k * length)];
            }

            output[i] = same ? operands[i] : output[i];
        }
    }
}
