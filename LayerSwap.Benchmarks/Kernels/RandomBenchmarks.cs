using BenchmarkDotNet.Attributes;
using LayerSwap.Merging;

namespace LayerSwap.Benchmarks.Kernels;

/// <summary>The steps of random masks for dare, and for a row of della, on BF16. Times are of one element.</summary>
public class RandomBenchmarks
{
    private const int Float32Fraction = 23, Row = 2048;

    private readonly KernelBlock _block = new();
    private readonly int[] _keys = new int[Row], _counts = new int[MagnitudeBins.Count], _open = new int[Row];
    private readonly byte[] _bins = new byte[Row], _randoms = new byte[Row];
    private readonly ushort[] _limits = new ushort[MagnitudeBins.Count];
    private readonly ulong[] _mask = new ulong[BitMask.WordCount(Row)];

    private MagnitudeBins _scale;

    [GlobalSetup]
    public void Fill()
    {
        KeyKernel.TryComputeDeltaKeys(_block.Base, _block.First, _keys, out int largest);
        _scale = new MagnitudeBins(largest, Float32Fraction);
        Bins();
        Randoms();
        _limits.AsSpan().Fill(0x807F);
    }

    /// <summary>Draws a mask whose bits have equal probability.</summary>
    [Benchmark(OperationsPerInvoke = Row)]
    public void Below() => RandomKernel.MaskBelow(1, 0, uint.MaxValue / 2, _mask);

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public double L1Norms() => MaskKernel.ComputeL1Norms(_block.Base, _block.First, _mask).Kept;

    [Benchmark(OperationsPerInvoke = Row)]
    public void Bins() => _scale.Assign<int>(_keys, _bins);

    [Benchmark(OperationsPerInvoke = Row)]
    public void Count() => MagnitudeBins.CountEach(_bins, Row - KernelBlock.Length, _counts);

    [Benchmark(OperationsPerInvoke = Row)]
    public void Randoms() => RandomKernel.ComputeFirstBytes(1, 0, _randoms);

    [Benchmark(OperationsPerInvoke = Row)]
    public int Draw() => MagnitudeBins.Draw(_bins, _randoms, _limits, _mask, _open);
}
