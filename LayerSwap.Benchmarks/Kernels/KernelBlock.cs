using System.Runtime.InteropServices;
using LayerSwap.Merging;
using LayerSwap.Numerics;

namespace LayerSwap.Benchmarks.Kernels;

/// <summary>A BF16 block of a base and two fine-tuned models, (model, element), with normally distributed weights and deltas.</summary>
internal sealed class KernelBlock
{
    /// <summary>The number of elements of one model.</summary>
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

        random.NextBytes(MemoryMarshal.AsBytes(Masks.AsSpan()));
    }

    public ReadOnlySpan<BFloat16> Base => _all.AsSpan(0, Length);

    /// <summary>The first model's elements.</summary>
    public ReadOnlySpan<BFloat16> First => _all.AsSpan(Length, Length);

    /// <summary>The second model's elements.</summary>
    public ReadOnlySpan<BFloat16> Second => _all.AsSpan(2 * Length);

    /// <summary>The base and the models as sources with a base.</summary>
    public OperandBlock<BFloat16> Models => new(0, _all, Length, Length, hasBase: true, Output);

    /// <summary>All three as sources without a base.</summary>
    public OperandBlock<BFloat16> All => new(0, _all, Length, Length, hasBase: false, Output);

    /// <summary>The bytes of all elements.</summary>
    public ReadOnlySpan<byte> Bytes => MemoryMarshal.AsBytes(_all.AsSpan());

    /// <summary>A mask for each model; half of the bits are set.</summary>
    public ulong[] Masks { get; } = new ulong[2 * BitMask.WordCount(Length)];

    public BFloat16[] Output { get; } = new BFloat16[Length];

    /// <summary>Returns bounds at the median with a fortieth of the keys between them, as in an exact threshold search.</summary>
    public static (ulong Low, ulong High) Around(ulong[] keys)
    {
        ulong[] sorted = [.. keys.Order()];
        return (sorted[sorted.Length / 2], sorted[(sorted.Length / 2) + (sorted.Length / 40)]);
    }

    private static BFloat16 Of(double number) => new(SixteenBitFloats.ToBFloat16((float)number));

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(Math.Tau * random.NextDouble());
}
