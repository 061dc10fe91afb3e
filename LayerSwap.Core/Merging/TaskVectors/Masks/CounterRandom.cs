using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Text;

namespace LayerSwap.Merging;

/// <summary>
/// Counter-based random numbers: each depends only on seed, tensor name, source and index, so masks are the same for any threads, blocks
/// and parts.
/// </summary>
internal static class CounterRandom
{
    private const double Span = 1UL << 32;

    /// <summary>Computes the stream of one source of one tensor.</summary>
    public static ulong CreateStream(long seed, string tensor, int source)
    {
        byte[] name = Encoding.UTF8.GetBytes(tensor);
        byte[] key = [.. BitConverter.GetBytes(seed), .. BitConverter.GetBytes(source), .. name];
        return RandomKernel.Mix(XxHash64.HashToUInt64(key));
    }

    /// <summary>Computes a uniform number, from 0, below 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double ComputeUniform(ulong stream, long index) => RandomKernel.ComputeNumber(stream, index) * (1.0 / Span);

    /// <summary>Computes the bound on a 32-bit number for a probability: <c>Uniform &lt; p</c> if the number is below it.</summary>
    public static uint ComputeBound(double probability) => (uint)Math.Min(Math.Ceiling(probability * Span), uint.MaxValue);

    /// <summary>
    /// Computes the first byte of the bound of a probability: a lower first byte means below the bound, a higher one not below.
    /// </summary>
    public static byte ComputeFirstByte(double probability) => (byte)Math.Clamp(probability * 256, 0, byte.MaxValue);
}
