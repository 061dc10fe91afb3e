using System.Runtime.CompilerServices;
using System.IO.Hashing;
using System.Text;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>
/// Randomness by counting: a number for each element that depends on seed, tensor name, source and index and on nothing else, so that masks
/// are the same for any threads, blocks and parts.
/// </summary>
internal static class CounterRandom
{
    private const double Span = 1UL << 32;

    /// <summary>The stream of one source of one tensor.</summary>
    public static ulong Stream(long seed, string tensor, int source)
    {
        byte[] name = Encoding.UTF8.GetBytes(tensor);
        byte[] key = [.. BitConverter.GetBytes(seed), .. BitConverter.GetBytes(source), .. name];
        return RandomKernel.Mix(XxHash64.HashToUInt64(key));
    }

    /// <summary>A number from 0 up to, but without, 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Uniform(ulong stream, long index) => RandomKernel.Number(stream, index) * (1.0 / Span);

    /// <summary>
    /// The bound below which as many numbers of 32 bits lie as a probability below 1 says: <c>Uniform &lt; p</c> where the number is below
    /// it.
    /// </summary>
    public static uint Bound(double probability) => (uint)Math.Min(Math.Ceiling(probability * Span), uint.MaxValue);

    /// <summary>
    /// Computes the first byte of the bound of a probability: numbers with a lower first byte are below the bound, numbers with a higher
    /// one are not.
    /// </summary>
    public static byte FirstByte(double probability) => (byte)Math.Clamp(probability * 256, 0, byte.MaxValue);
}
