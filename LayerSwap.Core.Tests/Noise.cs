using System.Runtime.InteropServices;

namespace LayerSwap.Tests;

/// <summary>Reproducible random numbers (SplitMix64).</summary>
internal sealed class Noise(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    public int Below(int end) => (int)(Next() % (ulong)end);

    public byte[] Bytes(int length)
    {
        ulong[] words = [.. Enumerable.Range(0, (length / 8) + 1).Select(_ => Next())];
        return MemoryMarshal.AsBytes<ulong>(words)[..length].ToArray();
    }

    /// <summary>Weights like those of models, some of them zeros of both signs.</summary>
    public float[] Weights(int length) => [.. Enumerable.Range(0, length).Select(_ => Weight())];

    /// <summary>Any bits, also subnormals, infinities and NaN.</summary>
    public float[] AnyFloats(int length) => [.. Enumerable.Range(0, length).Select(_ => BitConverter.UInt32BitsToSingle((uint)Next()))];

    private float Weight() => Below(8) switch
    {
        0 => 0f,
        1 => -0f,
        _ => ((Next() >> 40) / (float)(1 << 23)) - 1,
    };
}
