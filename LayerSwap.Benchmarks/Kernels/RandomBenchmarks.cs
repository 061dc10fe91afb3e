using BenchmarkDotNet.Attributes;
using LayerSwap.Numerics;

namespace LayerSwap.Benchmarks.Kernels;

/// <summary>Random choice, as dare has it, and by ranks within a row, as della has it: every step of a row by itself; times are those of one element.</summary>
public class RandomBenchmarks
{
    private const int SingleFraction = 23, Row = 2048;

    /// <summary>The probability of the first rank, and its rise to the last.</summary>
    private const double Lowest = 0.4, Rise = 0.2 / Row;

    private readonly KernelBlock _block = new();
    private readonly int[] _keys = new int[Row], _counts = new int[CodeScale.Codes], _ranks = new int[CodeScale.Codes], _open = new int[Row];
    private readonly byte[] _codes = new byte[Row], _numbers = new byte[Row], _below = new byte[CodeScale.Codes], _above = new byte[CodeScale.Codes];
    private readonly ulong[] _bits = new ulong[Bits.Words(Row)];

    private CodeScale _scale;

    [GlobalSetup]
    public void Fill()
    {
        KeyKernel.TryChanges(_block.Base, _block.First, _keys, out int largest);
        _scale = new CodeScale(largest, SingleFraction);
        Code();
        Count();
        Numbers();
        Bound();
    }

    /// <summary>Bits that are set with a probability.</summary>
    [Benchmark(OperationsPerInvoke = Row)]
    public void Choose() => RandomKernel.Below(1, 0, uint.MaxValue / 2, _bits);

    /// <summary>What was changed, and what is left of it.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public double Masses() => MaskKernel.Masses(_block.Base, _block.First, _bits).Kept;

    [Benchmark(OperationsPerInvoke = Row)]
    public void Code() => RankKernel.Codes<int>(_keys, _scale, _codes);

    [Benchmark(OperationsPerInvoke = Row)]
    public void Count() => RankKernel.Count(_codes, Row - KernelBlock.Length, _counts, _ranks);

    [Benchmark(OperationsPerInvoke = Row)]
    public void Numbers() => RandomKernel.FirstBytes(1, 0, _numbers);

    [Benchmark(OperationsPerInvoke = Row)]
    public void Bound() => RankKernel.Bounds(_ranks, _counts, Lowest, Rise, _below, _above);

    [Benchmark(OperationsPerInvoke = Row)]
    public int Draw() => RankKernel.Draw(_codes, _numbers, _below, _above, _bits, _open);
}
