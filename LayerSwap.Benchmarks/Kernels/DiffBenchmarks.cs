using BenchmarkDotNet.Attributes;
using LayerSwap.Diff;
using LayerSwap.Numerics;

namespace LayerSwap.Benchmarks.Kernels;

/// <summary>The sums of a diff; times are those of one element.</summary>
public class DiffBenchmarks
{
    private readonly KernelBlock _block = new();
    private readonly float[] _wide = new float[2 * KernelBlock.Length];
    private readonly BaseSums _origin = new();
    private readonly DeltaSums _first = new(), _second = new();
    private readonly AgreementSums _both = new();

    [GlobalSetup]
    public void Widen() => ElementCodec.Widen(DType.BFloat16, _block.Bytes[..(sizeof(ushort) * _wide.Length)], _wide);

    /// <summary>Of floats.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public double OneModel() => DeltaKernel.Observe<float>(_wide.AsSpan(0, KernelBlock.Length), _wide.AsSpan(KernelBlock.Length), [], _first);

    /// <summary>And the base, of BF16 as it lies.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void TwoModels() => DeltaKernel.ObserveTwo(_block.Base, _block.First, _block.Second, _origin, _first, _second, _both);
}
