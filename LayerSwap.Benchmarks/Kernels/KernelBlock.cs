using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Benchmarks.Kernels;

/// <summary>What merges compute at a time: elements of a base and of two models tuned from it, BF16 as it lies, distributed as weights and their changes are.</summary>
internal sealed class KernelBlock
{
    /// <summary>The elements of a block.</summary>
    public const int Length = 1952;

    private readonly BFloat16[] _all = new BFloat16[3 * Length];

    public KernelBlock()
    {
        Random random = new(1);
        for (int i = 0; i < Length; i++)
        {
            double weight = Normal(random) * 0.02;
            _all[i] = Of(weight);
            _all[Length + i] = Of(weight + (Normal(random) * 0.001));
            _all[(2 * Length) + i] = Of(weight + (Normal(random) * 0.001));
        }

        random.NextBytes(MemoryMarshal.AsBytes(Kept.AsSpan()));
    }

    public ReadOnlySpan<BFloat16> Base => _all.AsSpan(0, Length);

    /// <summary>The first model's elements.</summary>
    public ReadOnlySpan<BFloat16> First => Models[0];

    /// <summary>The second's.</summary>
    public ReadOnlySpan<BFloat16> Second => Models[1];

    public Rows<BFloat16> Models => All.From(1);

    /// <summary>The base and the models.</summary>
    public Rows<BFloat16> All => new(_all, Length);

    /// <summary>The same, undecoded.</summary>
    public ReadOnlySpan<byte> Bytes => MemoryMarshal.AsBytes(_all.AsSpan());

    /// <summary>A bit an element of each model; half of them are set.</summary>
    public ulong[] Kept { get; } = new ulong[2 * Bits.Words(Length)];

    public BFloat16[] Output { get; } = new BFloat16[Length];

    /// <summary>Bounds around the median of keys, a fortieth of them between, as a cut of a tensor has them.</summary>
    public static (ulong Low, ulong High) Around(ulong[] keys)
    {
        ulong[] sorted = [.. keys.Order()];
        return (sorted[sorted.Length / 2], sorted[(sorted.Length / 2) + (sorted.Length / 40)]);
    }

    private static BFloat16 Of(double number) => new(Scalar16.ToBFloat16((float)number));

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(Math.Tau * random.NextDouble());
}
